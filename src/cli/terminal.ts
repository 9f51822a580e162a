import { setTimeout } from 'node:timers/promises'

/** What a command may touch of the process, so that tests can stand in for it. */
export interface Terminal {
  readonly env: Record<string, string | undefined>
  /** True where progress can be written over. */
  readonly isInteractive: boolean
  /** For data: standard output. */
  readonly print: (text: string) => void
  /** For everything said beside the data: standard error. */
  readonly say: (text: string) => void
  readonly pause: (ms: number) => Promise<void>
}

export const processTerminal: Terminal = {
  env: process.env,
  isInteractive: process.stderr.isTTY,
  print: (text) => void process.stdout.write(`${text}\n`),
  say: (text) => void process.stderr.write(text),
  pause: async (ms) => await setTimeout(ms),
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
