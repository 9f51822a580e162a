import type { Agent } from 'undici'
import type {
  EngineLoad,
  LogReading,
  Observed,
  OnPhase,
  ReplicaLost,
  Sight,
  Started,
  StartFailure,
  StartOrder,
} from '../../../machines/index.ts'
import type { CatalogueModel } from '../../catalogue/index.ts'
import { bringUp } from './bring-up.ts'
import { Engines } from './engines.ts'
import { NotLeading, type Leadership } from './leadership/index.ts'
import { LossWatch } from './loss.ts'
import type { KubernetesDriverOptions } from './options.ts'
import { readPodLogs } from './pod-logs.ts'
import type { ReadyPod } from './pods/index.ts'
import { createProvision } from './provision.ts'
import type { Reach } from './reach.ts'
import { refused } from './refused.ts'
import { isOurs, type BackendPlace } from './resources/index.ts'
import { takeDown } from './take-down.ts'
import { View } from './view.ts'
import { followWorld } from './world.ts'

/** Until a ready pod that did not answer is asked again, where nobody waits for it, ms. */
const askAgainMs = 2_000

export interface BackendParts {
  readonly options: KubernetesDriverOptions
  readonly place: BackendPlace
  readonly leadership: Leadership
  readonly reach: Reach
  readonly agent: Agent
  /** Whether another backend of this program is giving its GPU back. */
  readonly othersLeave: () => boolean
  /** Whether another one has pods. */
  readonly othersHold: () => boolean
}

/** One backend: its Deployment with what belongs to it, as the charts want it done and told. */
export class Backend {
  readonly #parts: BackendParts & { readonly engines: Engines; readonly view: View }
  readonly #view: View
  readonly #engines: Engines
  readonly #provision
  readonly #loss: LossWatch
  readonly #closing = new AbortController()
  readonly #asking = new Set<string>()
  #onSight: ((sight: Sight) => void) | undefined
  #lastSight = ''
  #repairing: Promise<void> | undefined
  /** Something changed while it was. */
  #repairAgain = false
  #scaling: Promise<unknown> | undefined
  #wasEnsured = false
  #lookAgain: NodeJS.Timeout | undefined

  constructor(parts: BackendParts) {
    const { options, place, leadership } = parts
    const world = followWorld(options.api, place)
    this.#engines = new Engines(parts)
    this.#view = new View({ ...parts, engines: this.#engines, world })
    this.#parts = { ...parts, engines: this.#engines, view: this.#view }
    this.#provision = createProvision({ ...parts, api: options.api, log: options.log })
    this.#loss = new LossWatch(this.#engines, world, this.#closing.signal)
    const stopListening = [
      world.subscribe(() => this.#update()),
      leadership.subscribe(() => this.#update()),
      options.catalogue.subscribe(() => this.#update()),
    ]
    this.#closing.signal.addEventListener('abort', () => {
      for (const stop of stopListening) stop()
    })
  }

  async observe(): Promise<Observed> {
    await this.#view.world.synced
    await this.#engines.ask(this.#view.look().ready, this.#closing.signal)
    return this.#view.observed()
  }

  follow(onSight: (sight: Sight) => void): () => void {
    this.#onSight = onSight
    this.#lastSight = ''
    this.#update()
    return () => {
      if (this.#onSight === onSight) this.#onSight = undefined
    }
  }

  async ensureResources({ model }: StartOrder, signal: AbortSignal): Promise<void> {
    const { options, leadership, place } = this.#parts
    leadership.assertLeads()
    await this.#repairing?.catch(() => undefined)
    if (options.manages) {
      const found = options.catalogue.models.get(model.name)
      if (!found) throw refused(`the model "${model.name}" is no longer in the catalogue`)
      await this.#provision.ensure(found, signal)
    } else if ((await options.api.get('Deployment', place.deployment, { signal })) === undefined) {
      throw refused(
        `Deployment ${options.api.namespace}/${place.deployment} does not exist; create it, or let vllm-chill do so with --enable-model-switch`,
      )
    }
    await this.#view.refresh()
  }

  async start(order: StartOrder, signal: AbortSignal, onPhase: OnPhase): Promise<Started> {
    const { leadership, place, options } = this.#parts
    const { name, revision } = order.model
    const before = leadership.progress[place.backend]
    const goesOn =
      before?.doing === 'starting' && before.model === name && before.revision === revision
    if (!goesOn) {
      const since = new Date().toISOString()
      await leadership.note(place.backend, { doing: 'starting', model: name, revision, since })
    }
    signal.throwIfAborted()
    const endpoints = await bringUp(this.#parts, order, signal, onPhase)
    await leadership.note(place.backend, undefined)
    const meant = options.manages ? this.#view.meant : undefined
    return { endpoints, revision: meant?.revision ?? revision }
  }

  watch(onLost: (lost: ReplicaLost) => void): () => void {
    const observed = this.#view.observed()
    const endpoints = observed.found === 'ready' ? observed.endpoints : []
    // Not before this returns: whoever is told may want to stop watching.
    queueMicrotask(() => this.#update())
    return this.#loss.begin({ endpoints, onLost })
  }

  async engineLoad(signal: AbortSignal): Promise<EngineLoad | undefined> {
    return await this.#engines.load(this.#view.look(), signal)
  }

  readLog(reading: LogReading, signal: AbortSignal): AsyncIterable<string> {
    const { options } = this.#parts
    const either = AbortSignal.any([signal, this.#closing.signal])
    return readPodLogs(options.api, this.#view.world, reading, either)
  }

  async stop(signal: AbortSignal): Promise<void> {
    const scaling = (write: Promise<unknown>) => {
      this.#scaling = write
    }
    await takeDown({ ...this.#parts, closing: this.#closing.signal, scaling }, signal)
    this.#update()
  }

  /** Called when this program begins to lead: all that is needed is there before anybody asks, asleep. */
  async takeOver(): Promise<void> {
    const { options, place } = this.#parts
    if (!options.manages || this.#wasEnsured) return
    const { models } = options.catalogue
    const model = models.get(options.defaultModel ?? '') ?? [...models.values()][0]
    if (!model) return
    this.#wasEnsured = true
    try {
      await this.#provision.ensure(model, this.#closing.signal, { atRest: true })
    } catch (error) {
      this.#wasEnsured = false
      this.#warn(error, `the resources of ${place.backend} cannot be made yet`)
    }
  }

  get holds(): boolean {
    return this.#view.world.pods.length > 0
  }

  get leaves(): boolean {
    return this.#view.hasTerminatingPods
  }

  async close(): Promise<void> {
    clearTimeout(this.#lookAgain)
    await this.#scaling?.catch(() => undefined)
    this.#closing.abort(new Error('the driver is closed'))
    this.#view.world.close()
  }

  /** Something has changed: whoever must know is told, and of a loss only after the sight that explains it. */
  #update(): void {
    if (this.#closing.signal.aborted) return
    this.#engines.keepOnly(this.#view.forgetPods())
    const pods = this.#view.look()
    this.#tellSight()
    this.#loss.look(pods)
    this.#repair()
    for (const pod of pods.ready) this.#askSoon(pod)
    if (pods.recheckInMs !== undefined) this.#updateIn(pods.recheckInMs)
  }

  #updateIn(ms: number): void {
    clearTimeout(this.#lookAgain)
    this.#lookAgain = setTimeout(() => this.#update(), ms)
    this.#lookAgain.unref()
  }

  #askSoon(pod: ReadyPod): void {
    const { incarnation } = pod
    if (this.#engines.namesOf(pod).length > 0 || this.#asking.has(incarnation)) return
    this.#asking.add(incarnation)
    void this.#engines
      .ask([pod], this.#closing.signal)
      .catch(() => [])
      .then((told) => {
        this.#asking.delete(incarnation)
        if (told.length > 0) this.#update()
        else if (!this.#closing.signal.aborted) this.#updateIn(askAgainMs)
      })
  }

  #tellSight(): void {
    if (!this.#onSight) return
    const sight: Sight = {
      observed: this.#view.observed(),
      leads: this.#parts.leadership.leads,
      refusals: this.#refusals(),
    }
    const { observed } = sight
    // Only what matters: a start that gets older is no change.
    const shown = JSON.stringify([
      { ...observed, ...('elapsedMs' in observed && { elapsedMs: 0 }) },
      sight.leads,
      sight.refusals,
    ])
    if (shown === this.#lastSight) return
    this.#lastSight = shown
    this.#onSight(sight)
  }

  #refusals(): Record<string, StartFailure> {
    const { options } = this.#parts
    if (!options.manages) return {}
    const refusals: Record<string, StartFailure> = {}
    for (const [name, model] of options.catalogue.models) {
      const message = this.#provision.whyImpossible(model, this.#view.world.deployment)
      if (message !== undefined) refusals[name] = { reason: 'resources', message }
    }
    return refusals
  }

  /** Puts right what somebody changed of ours. */
  #repair(): void {
    const { leadership } = this.#parts
    const model = this.#ownModel()
    if (!model || !leadership.leads) return
    this.#repairAgain = this.#repairing !== undefined
    this.#repairing ??= this.#provision
      .repair(this.#view.world, model, this.#closing.signal)
      .then(
        () => this.#repairAgain,
        (error: unknown) => this.#warn(error, 'what was changed cannot be put right'),
      )
      .then((again) => {
        this.#repairing = undefined
        if (again === true) this.#repair()
      })
  }

  /** What a Deployment of ours is to run, as long as the manifest is the one that it was made from. */
  #ownModel(): CatalogueModel | undefined {
    const { options, place } = this.#parts
    const { deployment } = this.#view.world
    if (!options.manages || !deployment || !isOurs(deployment, place.installation)) return undefined
    const { meant } = this.#view
    const model = meant && options.catalogue.models.get(meant.model)
    return model?.facts.revision === meant?.revision ? model : undefined
  }

  #warn(error: unknown, what: string): void {
    if (this.#closing.signal.aborted || error instanceof NotLeading) return
    const { options, place } = this.#parts
    const why = error instanceof Error ? error.message : String(error)
    options.log.warn({ backend: place.backend, err: error }, `${place.backend}: ${what}: ${why}`)
  }
}
