import type { CAC } from 'cac'
import type { CancelAnswer, RequestsAnswer } from '../operations/index.ts'
import { argumentText } from './command-line.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { columnsText } from './screen/index.ts'
import { inBytes, inWords } from './table.ts'
import type { Terminal } from './terminal.ts'

export function registerRequests(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('requests', 'List what is in flight and what waits'))
    .example('  $ vllm-chill requests')
    .action(async ({ json }: { json?: boolean }) => {
      const answer = await runningInstance(cli, terminal.env).read<RequestsAnswer>('requests')
      const columns = terminal.screen?.columns()
      terminal.print(json ? JSON.stringify(answer, null, 2) : requestsText(answer, columns))
    })
}

export function registerCancel(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(
    cli.command('cancel <id>', 'Cut a request in flight, or refuse one that waits'),
  )
    .example('  $ vllm-chill cancel 0f9c4d1e')
    .action(async (given: unknown, { json }: { json?: boolean }) => {
      const id = argumentText(cli, given)
      const instance = runningInstance(cli, terminal.env)
      const answer = await instance.command<CancelAnswer>('requests/cancel', { id })
      const several = answer.cancelled > 1 ? `, ${answer.cancelled} of that id` : ''
      terminal.print(json ? JSON.stringify(answer, null, 2) : `cancelled: ${id}${several}`)
    })
}

function requestsText(answer: RequestsAnswer, columns: number | undefined): string {
  const { inFlight, waiting, counts } = answer
  if (inFlight.length + waiting.length === 0) return 'Nothing is in flight and nothing waits.'
  const rows = [
    ...inFlight.map(({ id, backend, model, path, sinceMs, waitedMs }) => [
      id,
      'in flight',
      model,
      backend,
      inWords(sinceMs),
      waitedMs > 0 ? `waited ${inWords(waitedMs)} before` : '',
      path,
    ]),
    ...waiting.map(({ id, model, path, sinceMs, bytes }) => [
      id,
      'waiting',
      model,
      '-',
      inWords(sinceMs),
      inBytes(bytes),
      path,
    ]),
  ]
  const hidden = counts.inFlight + counts.waiting - rows.length
  const table = columnsText(
    [
      { heading: 'ID' },
      { heading: 'WHAT', worth: 5 },
      { heading: 'MODEL', least: 8, worth: 6 },
      { heading: 'BACKEND', worth: 3 },
      { heading: 'FOR', worth: 4 },
      { heading: 'MORE', worth: 1 },
      { heading: 'PATH', worth: 2 },
    ],
    rows,
    columns,
  )
  return hidden > 0 ? `${table}\n… and ${hidden} more` : table
}
