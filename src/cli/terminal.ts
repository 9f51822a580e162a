import { setTimeout } from 'node:timers/promises'
import { processScreen, type Screen } from './screen/screen.ts'

/** What a command may touch of the process, so that tests can stand in for it. */
export interface Terminal {
  readonly env: Record<string, string | undefined>
  /** True where progress can be written over. */
  readonly isInteractive: boolean
  /** Width of what `say` writes to, where it is a terminal. */
  readonly sayColumns: () => number | undefined
  /** Standard output, where it is a terminal that can be drawn on. */
  readonly screen: Screen | undefined
  /** For data: standard output. */
  readonly print: (text: string) => void
  /** For everything said beside the data: standard error. */
  readonly say: (text: string) => void
  /** Ends early, without an error, when the signal is aborted. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>
  /** Runs a task again and again, until what it returns is called. */
  readonly every: (ms: number, task: () => void) => () => void
  /**
   * Aborted at the first Ctrl-C, or another signal that ends programs, with the exit code that goes
   * with it as its reason. A second one ends the program as it is; so does the first where nobody asked.
   */
  readonly interruption: () => AbortSignal
}

export const processTerminal: Terminal = {
  env: process.env,
  isInteractive: process.stderr.isTTY,
  sayColumns: () => (process.stderr.isTTY ? process.stderr.columns || undefined : undefined),
  screen: processScreen(),
  print: (text) => void process.stdout.write(`${text}\n`),
  say: (text) => void process.stderr.write(text),
  pause: async (ms, signal) => {
    await setTimeout(ms, undefined, signal && { signal }).catch(() => undefined)
  },
  every: (ms, task) => {
    const timer = setInterval(task, ms)
    return () => clearInterval(timer)
  },
  interruption: untilSignalled,
}

/** Stands for a run whose output goes elsewhere, with nobody who watches or interrupts it. */
export function pipeTerminal(given: Partial<Terminal>): Terminal {
  return {
    env: {},
    isInteractive: false,
    sayColumns: () => undefined,
    screen: undefined,
    print: () => undefined,
    say: () => undefined,
    pause: () => Promise.resolve(),
    every: () => () => undefined,
    interruption: () => new AbortController().signal,
    ...given,
  }
}

/** What a shell says of a program that ended by the signal. */
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

function untilSignalled(): AbortSignal {
  const interruption = new AbortController()
  for (const [name, code] of Object.entries(exitCodes)) {
    process.once(name, () => interruption.abort(code))
  }
  return interruption.signal
}

/** `vllm-chill models | head -1` closes our output early. That is no failure of ours. */
export function endQuietlyWhenOutputCloses(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
  }
}
