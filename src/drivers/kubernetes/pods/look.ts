import type { V1Deployment, V1Pod, V1Service } from '@kubernetes/client-node'
import type { StartPhase } from '../../../../machines/index.ts'
import { containersFinding } from './containers.ts'
import { deploymentFinding } from './deployment.ts'
import { endedFinding, whyGone } from './ended.ts'
import { hasEnded, isCurrent, isLeaving } from './facts.ts'
import type { Finding } from './finding.ts'
import { isUnschedulable, schedulingFinding } from './scheduling.ts'
import { readyPod, servingStatus } from './serving.ts'
import type { PodSight, PodWorld } from './types.ts'

/** What the pods of a backend tell: how far a start is, why it cannot work, who can be asked. */
export function lookAtPods(world: PodWorld): PodSight {
  const { deployment, service, pods } = world
  const alive = pods.filter(
    (pod) => !hasEnded(pod) && !isLeaving(pod) && isCurrent(pod, deployment),
  )
  const ready = alive.flatMap((pod) => readyPod(pod, service) ?? [])
  // With one that can be asked, it does not matter why others cannot.
  const findings = ready.length > 0 ? [] : findingsOf(world, alive)
  const failure = findings.find((finding) => finding.failure)?.failure
  const isOpen = failure === undefined
  const rechecks = findings.flatMap(({ recheckInMs }) => recheckInMs ?? [])
  return {
    phase: phaseOf(alive, deployment, service),
    failure,
    progress: isOpen ? findings.find(({ progress }) => progress)?.progress : undefined,
    isShort: isOpen && findings.some((finding) => finding.isShort),
    unschedulable: alive.find((pod) => isUnschedulable(pod)),
    ready,
    present: pods.filter((pod) => !hasEnded(pod) || isLeaving(pod)).length,
    leaving: pods.some((pod) => isLeaving(pod)),
    recheckInMs: isOpen && rechecks.length > 0 ? Math.min(...rechecks) : undefined,
    gone: (incarnation) => whyGone(pods, incarnation),
  }
}

/** The nearest to the engine first. */
function findingsOf(world: PodWorld, alive: readonly V1Pod[]): Finding[] {
  return [
    ...alive.map((pod) => containersFinding(pod, world)),
    ...alive.map((pod) => schedulingFinding(pod, world)),
    endedFinding(world, alive),
    deploymentFinding(world, alive),
  ].filter((finding) => finding !== undefined)
}

function phaseOf(
  alive: readonly V1Pod[],
  deployment: V1Deployment | undefined,
  service: V1Service | undefined,
): StartPhase | undefined {
  const phases = new Set(alive.map((pod) => phaseOfPod(pod, service)))
  for (const phase of ['loading', 'process', 'image', 'scheduling'] as const) {
    if (phases.has(phase)) return phase
  }
  return (deployment?.spec?.replicas ?? 0) > 0 ? 'resources' : undefined
}

function phaseOfPod(pod: V1Pod, service: V1Service | undefined): StartPhase {
  if (!pod.spec?.nodeName) return 'scheduling'
  const serving = servingStatus(pod, service)
  if (serving?.state?.running) return 'loading'
  // Something of it ran, so that what is missing is no image but a process.
  const hasRun = serving?.lastState?.terminated !== undefined
  const initRuns = pod.status?.initContainerStatuses?.some(({ state }) => state?.running)
  return hasRun || initRuns ? 'process' : 'image'
}
