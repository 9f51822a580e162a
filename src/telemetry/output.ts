/** Bytes kept for a reader that is slow. What comes beyond is lost, and counted. */
const mostKept = 1024 * 1024
const retryMs = 50
/** At the end of the program, for a reader that is slow. */
const lastRetries = 10
const lastRetryMs = 20

export interface OutputOptions {
  /** Writes what it can and returns how many bytes that was; throws EAGAIN when none fits now. */
  readonly write: (bytes: Uint8Array) => number
  /** Called when lines can be written again after some could not. */
  readonly onLost: (lines: number, why: string) => void
}

export interface Output {
  /** One line or several, each with its end. Never throws, never waits. */
  write(lines: string): void
  /** Before the program ends: the last try for what is kept. */
  flush(): void
}

/**
 * Where a log goes. A full disk, a reader that has left and one that does not read cost lines of the
 * log, and nothing else.
 */
export function createOutput({ write, onLost }: OutputOptions): Output {
  let kept: Buffer[] = []
  let keptBytes = 0
  let lost = 0
  let why = ''
  /** The line before was not written to its end. */
  let isCut = false
  let isWritable = true
  let timer: NodeJS.Timeout | undefined

  function lose(lines: Buffer, reason: string): void {
    lost += countOf(lines)
    why = reason
  }

  /** What is left of them when the reader can take no more; undefined when they are over with. */
  function putOrLose(lines: Buffer): Buffer | undefined {
    let rest = lines
    isWritable = true
    try {
      while (isCut) isCut = write(newLine) === 0
      while (rest.length > 0) rest = rest.subarray(write(rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') return rest
      lose(rest, code ?? String(error))
      isCut ||= rest.length < lines.length && lines.at(-rest.length - 1) !== newLine[0]
      isWritable = false
    }
    return undefined
  }

  function keep(lines: Buffer): void {
    if (keptBytes + lines.length > mostKept) return lose(lines, 'nobody reads them')
    kept.push(lines)
    keptBytes += lines.length
    timer ??= setTimeout(putKept, retryMs).unref()
  }

  function putKept(): void {
    clearTimeout(timer)
    timer = undefined
    const pieces = kept
    kept = []
    keptBytes = 0
    for (const [index, lines] of pieces.entries()) {
      const rest = putOrLose(lines)
      if (!rest) continue
      keep(rest)
      for (const later of pieces.slice(index + 1)) keep(later)
      return
    }
    if (isWritable) tellLost()
  }

  function tellLost(): void {
    if (lost === 0) return
    const lines = lost
    lost = 0
    onLost(lines, why)
  }

  return {
    write(lines) {
      const bytes = Buffer.from(lines)
      if (kept.length > 0) return keep(bytes)
      const rest = putOrLose(bytes)
      if (rest) keep(rest)
      else if (isWritable) tellLost()
    },
    flush() {
      for (let i = 0; i < lastRetries && kept.length > 0; i++) {
        if (i > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lastRetryMs)
        putKept()
      }
    },
  }
}

const newLine = Buffer.from('\n')

function countOf(lines: Buffer): number {
  let count = 0
  for (let at = lines.indexOf(newLine); at !== -1; at = lines.indexOf(newLine, at + 1)) count++
  return count
}
