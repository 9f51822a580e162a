import type { CAC } from 'cac'
import { argumentText, wholeNumber } from './command-line.ts'
import { UsageError } from './failure.ts'
import { runningInstance, withInstanceOptions, type RunningInstance } from './running-instance.ts'
import { plain } from './screen/index.ts'
import type { Terminal } from './terminal.ts'

const usualLines = 100

export function registerLogs(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('logs [backend]', 'Print what a backend itself has written'))
    .option('--follow', 'Go on printing, until Ctrl-C')
    .option('--lines <number>', `So many of its last lines (default: ${usualLines})`)
    .example('  $ vllm-chill logs gpu0 --follow')
    .example('  $ vllm-chill logs gpu0 --lines 500 > vllm.log')
    .action(async (name: unknown, { json, follow }: { json?: boolean; follow?: boolean }) => {
      const instance = runningInstance(cli, terminal.env)
      const backend = name === undefined ? await onlyBackend(instance) : argumentText(cli, name)
      const lines = wholeNumber(cli, '--lines') ?? usualLines
      const query = new URLSearchParams({
        backend,
        lines: String(lines),
        ...(follow && { follow: 'true' }),
      })
      const signal = follow ? terminal.interruption() : undefined
      const stream = await instance.stream(`backends/logs?${query.toString()}`, { signal })
      // On a terminal, what others wrote must not steer it; in a pipe it is theirs as it is.
      const shown = terminal.screen ? plain : (line: string) => line
      try {
        for await (const line of linesOf(stream)) {
          terminal.print(json ? JSON.stringify({ backend, line }) : shown(line))
        }
      } catch (error) {
        if (!signal?.aborted) throw error
      }
      return signal?.aborted ? Number(signal.reason) : 0
    })
}

async function onlyBackend(instance: RunningInstance): Promise<string> {
  const names = (await instance.status()).backends.map(({ name }) => name)
  const [only] = names
  if (names.length !== 1 || only === undefined) {
    throw new UsageError(`name a backend: ${names.join(', ') || 'there is none yet'}`)
  }
  return only
}

async function* linesOf(parts: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const part of parts) {
    const lines = (rest + part).split(/\r?\n/)
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
