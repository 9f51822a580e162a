import {
  StartError,
  type Endpoint,
  type OnPhase,
  type StartOrder,
  type StartPhase,
} from '../../../machines/index.ts'
import type { Engines } from './engines.ts'
import type { Leadership } from './leadership/index.ts'
import { defaultProbeIntervalMs, type KubernetesDriverOptions } from './options.ts'
import type { PodFailure, PodSight, ReadyPod } from './pods/index.ts'
import { refused } from './refused.ts'
import type { BackendPlace } from './resources/index.ts'
import { scale } from './scale.ts'
import { lookAgainMs, type View } from './view.ts'

/** Last lines of a container that ended. */
const logLines = 20
/** A pod that is Ready and does not answer us in this time cannot be reached from here. */
const unreachableAfterMs = 15_000

export interface StartParts {
  readonly options: KubernetesDriverOptions
  readonly place: BackendPlace
  readonly leadership: Leadership
  readonly engines: Engines
  readonly view: View
}

/** Replicas up, until a pod's own `/v1/models` names the model. @throws StartError, NotLeading */
export async function bringUp(
  parts: StartParts,
  order: StartOrder,
  signal: AbortSignal,
  onPhase: OnPhase,
): Promise<readonly Endpoint[]> {
  const { view, engines, leadership, options } = parts
  const { world } = view
  const tell = tellOnce(onPhase)
  let isFirstScale = true
  let unreachableSince: number | undefined
  view.rememberEnds()
  await scaleUp(parts, signal)
  // Until it is asked anew, what is known may be of before the scale.
  let isFresh = await view.refresh()
  for (;;) {
    signal.throwIfAborted()
    leadership.assertLeads()
    const changed = world.change(signal, lookAgainMs)
    changed.catch(() => undefined)
    const { unschedulable } = view.look()
    if (unschedulable) await view.hearAutoscaler(unschedulable, signal)
    const sight = view.look()
    tell(sight)
    if (sight.failure !== undefined) throw await failed(sight.failure, parts, signal)
    if (isFresh && view.replicas === 0) {
      // Somebody waits for it, so it is asked for once more; a second time it is meant.
      if (!isFirstScale) throw refused('somebody scales it to 0 while it starts')
      isFirstScale = false
      await scaleUp(parts, signal)
      isFresh = await view.refresh()
    }
    const [serving, ...others] = await engines.ask(sight.ready, signal)
    if (serving) return endpointsOf([serving, ...others], order, engines)
    const [unreached] = sight.ready
    if (unreached) {
      unreachableSince ??= performance.now()
      if (performance.now() - unreachableSince > unreachableAfterMs) throw unreachable(unreached)
      await world.change(signal, options.probeIntervalMs ?? defaultProbeIntervalMs)
    } else {
      unreachableSince = undefined
      const atMostMs = Math.min(sight.recheckInMs ?? lookAgainMs, lookAgainMs)
      isFresh = await view.next(Promise.race([changed, world.change(signal, atMostMs)]), isFresh)
    }
  }
}

async function scaleUp({ options, leadership, place }: StartParts, signal: AbortSignal) {
  const { deployment } = place
  const isThere = await scale({ api: options.api, leadership, deployment }, 'up', signal)
  if (!isThere) throw refused(`Deployment ${deployment} was deleted while it was to start`)
}

function tellOnce(onPhase: OnPhase): (sight: PodSight) => void {
  let told = ''
  let phase: StartPhase | undefined
  return (sight) => {
    phase = sight.phase ?? phase
    const tells = `${phase} ${sight.isShort} ${sight.progress}`
    if (phase !== undefined && tells !== told) {
      onPhase(phase, sight.progress, ...(sight.isShort ? [true] : []))
    }
    told = tells
  }
}

/** @throws StartError where the pods serve another model */
function endpointsOf(
  serving: readonly [ReadyPod, ...ReadyPod[]],
  { model }: StartOrder,
  engines: Engines,
): readonly Endpoint[] {
  const right = serving.filter((pod) => engines.namesOf(pod).includes(model.name))
  if (right.length > 0) return right.map((pod) => engines.endpointOf(pod))
  const [pod] = serving
  const names = engines.namesOf(pod).map((name) => `"${name}"`)
  throw new StartError({
    reason: 'wrong_model',
    message: `pod ${pod.pod.metadata?.name} serves ${names.join(', ')}, not "${model.name}"`,
  })
}

function unreachable({ address, port, pod }: ReadyPod): StartError {
  return refused(
    `pod ${pod.metadata?.name} is Ready, but does not answer this program at ${address}:${port}; check NetworkPolicies, or set endpointMode`,
  )
}

async function failed(
  { failure, wantsLog }: PodFailure,
  parts: StartParts,
  signal: AbortSignal,
): Promise<StartError> {
  if (wantsLog === undefined) return new StartError(failure)
  const { previous } = wantsLog
  // A container that ended is started again at once, and what it wrote is then of the run before.
  const log = await readLog(wantsLog, previous, parts, signal)
  if (log.length > 0 || previous) return new StartError({ ...failure, log })
  return new StartError({ ...failure, log: await readLog(wantsLog, true, parts, signal) })
}

async function readLog(
  { pod, container }: NonNullable<PodFailure['wantsLog']>,
  previous: boolean,
  { options: { api, log } }: StartParts,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    return await api.podLog(pod, { container, tailLines: logLines, previous, signal })
  } catch (error) {
    signal.throwIfAborted()
    log.warn({ pod, container, err: error }, `the log of pod ${pod} cannot be read`)
    return []
  }
}
