import type { CAC } from 'cac'
import type { BackendStatus, StatusAnswer } from '../operations/index.ts'
import { blockingLines, doing, failureLines } from './backend-words.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { columnsText, folded, noPaint, paintFor, plain, type Paint } from './screen/index.ts'
import { inWords } from './table.ts'
import type { Terminal } from './terminal.ts'

export function registerStatus(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('status', 'Show what a running vllm-chill does'))
    .option('--watch', 'Keep showing it, until Ctrl-C; in a pipe, once more after each change')
    .example('  $ vllm-chill status')
    .example('  $ vllm-chill status --watch')
    .example('  $ vllm-chill status --url http://gpu-box:8080 --json')
    .action(async ({ json = false, watch }: { json?: boolean; watch?: boolean }) => {
      const instance = runningInstance(cli, terminal.env)
      if (watch) {
        const { watchStatus } = await import('./watch-status.ts')
        return await watchStatus(instance, { json }, terminal)
      }
      const status = await instance.status()
      const look = { columns: terminal.screen?.columns(), paint: paintFor(terminal) }
      terminal.print(json ? JSON.stringify(status, null, 2) : statusText(status, look))
      return 0
    })
}

export interface Look {
  /** ms, of the clock that the instance's times come from. */
  readonly now?: number
  /** No line is wider; any width unless given. */
  readonly columns?: number | undefined
  readonly paint?: Paint
}

/** For people. */
export function statusText(status: StatusAnswer, look: Look = {}): string {
  const { now = Date.now(), columns, paint = noPaint } = look
  const { version, startedAt, shuttingDown, backends, problems } = status
  const since = (time: string) => inWords(Math.max(0, now - Date.parse(time)))
  const paragraph = (lines: string[], style?: Parameters<Paint>[0]) =>
    lines.length === 0
      ? []
      : [
          '',
          ...folded(lines.map(plain), columns).map((line) => (style ? paint(style, line) : line)),
        ]
  return [
    ...folded(
      [`vllm-chill ${version}, up ${since(startedAt)}${shuttingDown ? ', shutting down' : ''}`],
      columns,
    ),
    '',
    columnsText(
      [
        { heading: 'BACKEND', least: 7 },
        { heading: 'STATE', least: 12, paint: (cell) => paint(styleOf(cell), cell) },
        { heading: 'MODEL', least: 8, worth: 5 },
        { heading: 'IN FLIGHT', worth: 3 },
        { heading: 'WAITING', least: 7, worth: 4 },
        { heading: 'SINCE', worth: 2 },
        { heading: 'BECAUSE', least: 20, worth: 1 },
      ],
      backends.map((backend) => [
        backend.name,
        doing(backend),
        modelOf(backend),
        String(backend.leases),
        backend.waiting.map(({ model, count }) => `${model} ${count}`).join(', ') || '0',
        since(backend.since),
        backend.because ?? '',
      ]),
      columns,
    ),
    ...paragraph(backends.flatMap(blockingLines), 'busy'),
    ...paragraph(
      backends.flatMap(({ failures }) => failures.flatMap(failureLines)),
      'bad',
    ),
    ...paragraph(
      problems.map(({ source, message }) => `${source}: ${message}`),
      'bad',
    ),
  ].join('\n')
}

function styleOf(state: string): Parameters<Paint>[0] {
  if (state.startsWith('cold')) return 'quiet'
  return state.startsWith('ready') ? 'good' : 'busy'
}

function modelOf({ model = '-', target }: BackendStatus): string {
  return target === undefined || target === model ? model : `${model} → ${target}`
}
