import type { BackendStatus, StatusAnswer } from '../operations/index.ts'
import type { Lost, ToldEvent } from './event-stream.ts'

/** The latest status, put together from what is told one by one. */
export interface StatusBoard {
  take(event: ToldEvent | Lost): void
  /** Manifests that a person must mend. */
  mend(problems: StatusAnswer['problems']): void
  /** All of it is known again. */
  renew(status: StatusAnswer): void
  /** What it is by now: durations have grown since they were told. `now` is of the instance's clock. */
  at(now: number): { status: StatusAnswer; now: number; lost: string | undefined }
  /** The same for two moments between which nothing but time has passed. */
  key(): string
}

export function statusBoard(first: StatusAnswer): StatusBoard {
  let status = first
  let toldAt = new Map<string, number>()
  let lost: string | undefined
  /** The instance's clock is ahead of ours. */
  let aheadMs = 0

  const renew = (next: StatusAnswer) => {
    status = next
    toldAt = new Map(next.backends.map(({ name }) => [name, Date.now()]))
    lost = undefined
  }
  renew(first)

  return {
    renew,
    mend: (problems) => {
      status = { ...status, problems }
    },
    take(event) {
      if (event.type === 'lost') {
        lost = event.why
      } else if (event.type === 'hello') {
        const { version, startedAt, at } = event
        const backends = status.backends.filter(({ name }) => event.backends.includes(name))
        status = { ...status, version, startedAt, shuttingDown: false, backends }
        aheadMs = Date.parse(at) - Date.now()
        lost = undefined
      } else if (event.type === 'goodbye') {
        status = { ...status, shuttingDown: true }
      } else if (event.type === 'models') {
        status = { ...status, problems: event.problems }
      } else if (event.type === 'snapshot') {
        status = { ...status, backends: withBackend(status.backends, event.backend) }
        toldAt.set(event.backend.name, Date.now())
      }
    },
    at: (now) => ({
      status: {
        ...status,
        backends: status.backends.map((one) => later(one, now - (toldAt.get(one.name) ?? now))),
      },
      now: now + aheadMs,
      lost,
    }),
    key: () => JSON.stringify(status, (name, value: unknown) => (passing.has(name) ? '' : value)),
  }
}

/** What changes by itself while nothing happens. */
const passing = new Set(['elapsedMs', 'sinceMs', 'oldestMs', 'retryInMs'])

function withBackend(backends: readonly BackendStatus[], next: BackendStatus): BackendStatus[] {
  return backends.some(({ name }) => name === next.name)
    ? backends.map((one) => (one.name === next.name ? next : one))
    : [...backends, next]
}

function later(backend: BackendStatus, ms: number): BackendStatus {
  const aged = structuredClone(backend)
  if (aged.progress) aged.progress.elapsedMs += ms
  for (const one of aged.blocking) one.sinceMs += ms
  for (const one of aged.waiting) one.oldestMs += ms
  for (const one of aged.failures) one.retryInMs = Math.max(0, one.retryInMs - ms)
  return aged
}
