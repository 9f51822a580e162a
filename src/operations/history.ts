import { ChillError } from '../errors/index.ts'
import type { HistoryAnswer, HistoryView } from './types.ts'

/** `GET /proxy/history?since=TIME` */
export function historyAnswer({ searchParams }: URL, history: HistoryView): HistoryAnswer {
  const asked = searchParams.get('since')
  if (asked === null) return history.read()
  const since = Date.parse(asked)
  if (!Number.isNaN(since)) return history.read(since)
  throw new ChillError(
    'bad_request',
    `since is a time such as 2026-11-24T08:00:00Z, not ${JSON.stringify(asked)}`,
    { param: 'since' },
  )
}
