import type { V1Pod, V1Service } from '@kubernetes/client-node'
import { nameOf, timeOf, uidOf } from './facts.ts'
import { servingStatus } from './serving.ts'

/** Where the lines of one run of the serving container are. */
export interface LogPlace {
  readonly pod: string
  readonly container: string
  readonly runs: boolean
  /** It has ended, and the container waits to be started again. */
  readonly previous: boolean
  /** Another for each run. */
  readonly run: string
}

/** Of all runs of the serving container that the pods tell of, the newest. */
export function logPlace(
  pods: readonly V1Pod[],
  service: V1Service | undefined,
): LogPlace | undefined {
  const runs = pods.flatMap((pod) => {
    const status = servingStatus(pod, service)
    if (!status) return []
    const { running, terminated } = status.state ?? {}
    const present = running ?? terminated
    const last = present ?? status.lastState?.terminated
    if (!last) return []
    const startedAt = timeOf(last.startedAt) ?? 0
    const id = present ? status.containerID : status.lastState?.terminated?.containerID
    const place = {
      pod: nameOf(pod),
      container: status.name,
      runs: running !== undefined,
      previous: present === undefined,
    }
    return [{ ...place, run: `${uidOf(pod)}/${id}`, startedAt }]
  })
  const [newest] = runs.sort((a, b) => b.startedAt - a.startedAt)
  if (!newest) return undefined
  const { startedAt: _, ...place } = newest
  return place
}
