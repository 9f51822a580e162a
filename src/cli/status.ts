import type { CAC } from 'cac'
import type { BackendStatus, StatusAnswer } from '../operations/index.ts'
import { blockingLines, doing, failureLines } from './backend-words.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { inWords, table } from './table.ts'
import type { Terminal } from './terminal.ts'

export function registerStatus(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('status', 'Show what a running vllm-chill does'))
    .example('  $ vllm-chill status')
    .example('  $ vllm-chill status --url http://gpu-box:8080 --json')
    .action(async ({ json }: { json?: boolean }) => {
      const status = await runningInstance(cli, terminal.env).status()
      terminal.print(json ? JSON.stringify(status, null, 2) : statusText(status))
    })
}

/** For people. `now` in ms, of the clock that the instance's times come from. */
export function statusText(status: StatusAnswer, now = Date.now()): string {
  const since = (time: string) => inWords(Math.max(0, now - Date.parse(time)))
  const { version, startedAt, shuttingDown, backends, problems } = status
  return [
    `vllm-chill ${version}, up ${since(startedAt)}${shuttingDown ? ', shutting down' : ''}`,
    '',
    table(
      ['BACKEND', 'STATE', 'MODEL', 'IN FLIGHT', 'WAITING', 'SINCE', 'BECAUSE'],
      backends.map((backend) => [
        backend.name,
        doing(backend),
        modelOf(backend),
        String(backend.leases),
        backend.waiting.map(({ model, count }) => `${model} ${count}`).join(', ') || '0',
        since(backend.since),
        backend.because ?? '',
      ]),
    ),
    ...paragraph(backends.flatMap(blockingLines)),
    ...paragraph(backends.flatMap(({ failures }) => failures.flatMap(failureLines))),
    ...paragraph(problems.map(({ source, message }) => `${source}: ${message}`)),
  ].join('\n')
}

function modelOf({ model = '-', target }: BackendStatus): string {
  return target === undefined || target === model ? model : `${model} → ${target}`
}

function paragraph(lines: string[]): string[] {
  return lines.length > 0 ? ['', ...lines] : []
}
