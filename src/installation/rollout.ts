import { setTimeout } from 'node:timers/promises'
import type { V1ContainerStatus, V1Deployment, V1Pod } from '@kubernetes/client-node'
import type { Api } from '../drivers/kubernetes/index.ts'
import { InstallationFailed } from './failure.ts'
import { inWords } from './in-words.ts'
import { selectorLabels, type InstallationPlan } from './plan.ts'

export interface RolloutOptions {
  readonly api: Api
  readonly plan: InstallationPlan
  readonly timeoutMs: number
  readonly pauseMs: number
  readonly tell: (line: string) => void
  readonly signal?: AbortSignal
}

/** What no waiting cures. */
const hopeless = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'InvalidImageName',
  'ImagePullBackOff',
  'CrashLoopBackOff',
])

/**
 * Until every replica of the present generation is available, which is when `/readyz` has answered.
 * @throws InstallationFailed with why it is not, at once where waiting is useless
 */
export async function untilAvailable(options: RolloutOptions): Promise<void> {
  const { api, plan, timeoutMs, pauseMs, tell, signal } = options
  const deadline = performance.now() + timeoutMs
  const call = signal ? { signal } : {}
  let said = ''
  for (;;) {
    const deployment = await inWords(() => api.get('Deployment', plan.name, call))
    if (deployment === undefined)
      throw new InstallationFailed(`Deployment ${plan.name} has been deleted meanwhile`)
    if (isAvailable(deployment)) {
      tell(`Deployment ${plan.name} is available: /readyz answers`)
      return
    }
    const pods = await newestPods(options)
    const failure = refusalOf(deployment) ?? (await failureOf(options, pods))
    if (failure !== undefined) throw new InstallationFailed(`Deployment ${plan.name}: ${failure}`)
    const progress = progressOf(deployment, pods)
    if (progress !== said) tell(`Deployment ${plan.name}: ${progress}`)
    said = progress
    if (performance.now() > deadline) {
      const waited = `is not available after ${Math.round(timeoutMs / 1000)} s`
      throw new InstallationFailed(`Deployment ${plan.name} ${waited}: ${progress}`)
    }
    await setTimeout(pauseMs, undefined, call)
  }
}

function isAvailable({ metadata, spec, status = {} }: V1Deployment): boolean {
  const wanted = spec?.replicas ?? 1
  const isSeen = (status.observedGeneration ?? 0) >= (metadata?.generation ?? 0)
  return (
    isSeen &&
    (status.updatedReplicas ?? 0) >= wanted &&
    (status.availableReplicas ?? 0) >= wanted &&
    (status.unavailableReplicas ?? 0) === 0
  )
}

/** Pods that could not even be made: quota, admission, a missing service account. */
function refusalOf({ status }: V1Deployment): string | undefined {
  const refused = status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  )
  return refused?.message
}

/** Those of the newest template: older ones may be well, and say nothing of the new one. */
async function newestPods({ api, plan, signal }: RolloutOptions): Promise<readonly V1Pod[]> {
  const labelSelector = Object.entries(selectorLabels(plan))
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  const pods = await inWords(() => api.list('Pod', { labelSelector, ...(signal && { signal }) }))
  const living = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
  const born = ({ metadata }: V1Pod) => new Date(metadata?.creationTimestamp ?? 0).getTime()
  const hashOf = ({ metadata }: V1Pod) => metadata?.labels?.['pod-template-hash']
  const newest = living.toSorted((a, b) => born(b) - born(a))[0]
  return living.filter((pod) => newest !== undefined && hashOf(pod) === hashOf(newest))
}

async function failureOf(
  options: RolloutOptions,
  pods: readonly V1Pod[],
): Promise<string | undefined> {
  for (const pod of pods) {
    const container = containerOf(pod)
    const { reason = '', message = '' } = container?.state?.waiting ?? {}
    if (!hopeless.has(reason)) continue
    const why = [`pod ${pod.metadata?.name}: ${reason}`, message].filter((part) => part !== '')
    const ended = container?.lastState?.terminated
    if (ended === undefined) return why.join(': ')
    return [`${why[0]} (exit code ${ended.exitCode})`, ...(await lastLines(options, pod))].join(
      '\n  ',
    )
  }
  return undefined
}

async function lastLines(
  { api, signal }: RolloutOptions,
  { metadata }: V1Pod,
): Promise<readonly string[]> {
  const call = { tailLines: 20, previous: true, ...(signal && { signal }) }
  // What is said without them is still true.
  return await api.podLog(metadata?.name ?? '', call).catch(() => [])
}

function progressOf({ spec, status = {} }: V1Deployment, pods: readonly V1Pod[]): string {
  const counts = `${status.availableReplicas ?? 0} of ${spec?.replicas ?? 1} available`
  const words = pods.map((pod) => `pod ${pod.metadata?.name} ${podInWords(pod)}`)
  return [counts, ...words].join(', ')
}

function podInWords(pod: V1Pod): string {
  const { phase = 'Pending', conditions = [] } = pod.status ?? {}
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False')
    return `is not scheduled: ${scheduled.message ?? scheduled.reason}`
  const waiting = containerOf(pod)?.state?.waiting
  if (waiting?.reason !== undefined) return `waits: ${waiting.reason}`
  return phase === 'Running' ? 'runs, and is not ready yet' : `is ${phase}`
}

function containerOf({ status }: V1Pod): V1ContainerStatus | undefined {
  return status?.containerStatuses?.[0]
}
