import type { V1Pod } from '@kubernetes/client-node'
import type { Observed } from '../../../machines/index.ts'
import type { Engines } from './engines.ts'
import type { Leadership } from './leadership/index.ts'
import type { KubernetesDriverOptions } from './options.ts'
import { hasEnded, lookAtPods, type AutoscalerSays, type PodSight } from './pods/index.ts'
import { isOurs, type BackendPlace } from './resources/index.ts'
import { meantBy, meantByConfigMap, observedOf, type Meant } from './sight.ts'
import type { World } from './world.ts'

/** While something starts or ends, the watch is not trusted alone. */
export const lookAgainMs = 2_000

export interface ViewParts {
  readonly options: KubernetesDriverOptions
  readonly place: BackendPlace
  readonly leadership: Leadership
  readonly engines: Engines
  readonly world: World
  /** Whether another backend of this program is giving its GPU back. */
  readonly othersLeave: () => boolean
  readonly othersHold: () => boolean
}

/** What is known of a backend's world, put together. */
export class View {
  readonly world: World
  readonly #parts: ViewParts
  /** Restarts of each pod when the present start began. */
  #restartsBefore: ReadonlyMap<string, number> = new Map()
  /** Pods that had ended for good by then. */
  #endedBefore: ReadonlySet<string> = new Set()
  /** When something that may hold a GPU was last seen leaving; wall clock, ms. */
  #lastLeftAt: number | undefined
  readonly #autoscaler = new Map<string, AutoscalerSays>()
  #refreshDue = 0

  constructor(parts: ViewParts) {
    this.#parts = parts
    this.world = parts.world
  }

  get replicas(): number {
    return this.world.deployment?.spec?.replicas ?? 0
  }

  get hasTerminatingPods(): boolean {
    return this.world.pods.some(({ metadata }) => metadata?.deletionTimestamp !== undefined)
  }

  look(): PodSight {
    const { deployment, service, pods } = this.world
    const now = Date.now()
    const othersLeave = this.#parts.othersLeave()
    if (othersLeave || this.hasTerminatingPods) this.#lastLeftAt = now
    return lookAtPods({
      deployment,
      service,
      pods,
      now,
      graceMs: this.#parts.options.unschedulableGraceMs,
      autoscaler: this.#autoscaler,
      othersLeave,
      othersHold: this.#parts.othersHold(),
      lastLeftAt: this.#lastLeftAt,
      restartsBefore: this.#restartsBefore,
      endedBefore: this.#endedBefore,
    })
  }

  /** What the Deployment is meant to run now. */
  get meant(): Meant | undefined {
    const { options, place } = this.#parts
    const { deployment, configMap } = this.world
    if (deployment && isOurs(deployment, place.installation)) {
      return meantBy(deployment.spec?.template.metadata)
    }
    if (options.manages) return meantByConfigMap(configMap, options.catalogue.models)
    // Only scaled: it serves what it serves, which its /v1/models has told or will tell.
    const { models } = options.catalogue
    const told = this.look().ready.flatMap((pod) => this.#parts.engines.namesOf(pod))
    const model =
      told.map((name) => models.get(name)).find((found) => found !== undefined) ??
      models.get(options.defaultModel ?? '') ??
      [...models.values()][0]
    return model && { model: model.name, revision: model.facts.revision }
  }

  observed(): Observed {
    const { place, leadership, engines } = this.#parts
    const { meant } = this
    const pods = this.look()
    const verified = pods.ready.filter((pod) => engines.namesOf(pod).includes(meant?.model ?? ''))
    return observedOf({
      deployment: this.world.deployment,
      pods,
      meant,
      verified: verified.map((pod) => engines.endpointOf(pod)),
      progress: leadership.progress[place.backend],
      now: Date.now(),
    })
  }

  /** False: the API server does not say; what is known may be old. */
  async refresh(): Promise<boolean> {
    this.#refreshDue = performance.now() + lookAgainMs
    return await this.world.refresh().then(
      () => true,
      () => false,
    )
  }

  /** Until the next change, or a while; then whether what is known is of now, if it was so before. */
  async next(changed: Promise<void>, isFresh: boolean): Promise<boolean> {
    await changed
    return performance.now() > this.#refreshDue ? await this.refresh() : isFresh
  }

  /** What ended before this start is not its failure. */
  rememberEnds(): void {
    const { pods } = this.world
    this.#endedBefore = new Set(pods.filter(hasEnded).map(({ metadata }) => metadata?.uid ?? ''))
    this.#restartsBefore = new Map(
      pods.map(({ metadata, status }) => [
        metadata?.uid ?? '',
        Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount)),
      ]),
    )
  }

  /** Autoscalers say in Events whether they add a node. Who may not read them waits as if none did. */
  async hearAutoscaler({ metadata }: V1Pod, signal: AbortSignal): Promise<void> {
    const { name = '', uid = '' } = metadata ?? {}
    if (this.#autoscaler.get(uid) === 'cannot help') return
    const fieldSelector = `involvedObject.name=${name}`
    const { api } = this.#parts.options
    const events = await api.list('Event', { fieldSelector, signal }).catch(() => [])
    signal.throwIfAborted()
    const reasons = new Set(events.map(({ reason }) => reason))
    if (reasons.has('TriggeredScaleUp') || reasons.has('Nominated')) {
      this.#autoscaler.set(uid, 'adds a node')
    } else if (reasons.has('NotTriggerScaleUp')) this.#autoscaler.set(uid, 'cannot help')
  }

  /** UIDs of the pods that are there; of others nothing is kept. */
  forgetPods(): ReadonlySet<string> {
    const uids = new Set(this.world.pods.map(({ metadata }) => metadata?.uid ?? ''))
    for (const uid of this.#autoscaler.keys()) if (!uids.has(uid)) this.#autoscaler.delete(uid)
    return uids
  }
}
