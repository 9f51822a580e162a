import type { Output } from './output.ts'

/** Characters after which lines are handed on without waiting any longer. */
const mostGathered = 64 * 1024
/** How late a line may be, ms. */
const latestMs = 10

/** What can wait; `level` is the first field of each line. */
const calm = /^\{"level":"(?:trace|debug|info)"/

export interface Gathering {
  /** One line of JSON with its end, and how it is to be written where that differs. */
  write(line: string, written?: string): void
  /** Hands on what is gathered, before the program ends. */
  flush(): void
}

/**
 * Hands lines on several at a time: writing is most of what a line costs. From level `warn` on a line is
 * handed on at once, with all that came before it.
 */
export function createGathering(output: Pick<Output, 'write'>): Gathering {
  let gathered = ''
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const lines = gathered
    gathered = ''
    if (lines !== '') output.write(lines)
  }

  return {
    write(line, written = line) {
      gathered += written
      if (gathered.length > mostGathered || !calm.test(line)) flush()
      else timer ??= setTimeout(flush, latestMs).unref()
    },
    flush,
  }
}
