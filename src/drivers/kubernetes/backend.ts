import type { V1Pod } from '@kubernetes/client-node'
import type { Agent } from 'undici'
import {
  StartError,
  type Endpoint,
  type OnPhase,
  type EngineLoad,
  type Observed,
  type ReplicaLost,
  type Sight,
  type Started,
  type StartFailure,
  type StartOrder,
  type StartPhase,
} from '../../../machines/index.ts'
import type { CatalogueModel } from '../../catalogue/index.ts'
import { probe, readEngineLoad, untilAborted } from '../engine/index.ts'
import { NotLeading, type Leadership } from './leadership/index.ts'
import {
  defaultProbeIntervalMs,
  defaultProbeTimeoutMs,
  type KubernetesDriverOptions,
} from './options.ts'
import { lookAtPods, type AutoscalerSays, type PodSight, type ReadyPod } from './pods/index.ts'
import { createProvision } from './provision.ts'
import type { Reach } from './reach.ts'
import { isOurs, type BackendPlace } from './resources/index.ts'
import { scale } from './scale.ts'
import { meantBy, meantByConfigMap, observedOf, type Meant } from './sight.ts'
import { followWorld } from './world.ts'

/** While something starts or ends, the watch is not trusted alone. */
const lookAgainMs = 2_000
/** Last lines of a container that ended. */
const logLines = 20
/** A pod that is Ready and does not answer us in this time cannot be reached from here. */
const unreachableAfterMs = 15_000
/** Between two questions to an engine that other programs' requests keep at work. */
const engineRecheckMs = 500
/** A pod that is not Ready any more is only given up when it does not answer so many probes. */
const silentProbes = 3
const silentProbeMs = 2_000

export interface BackendParts {
  readonly options: KubernetesDriverOptions
  readonly place: BackendPlace
  readonly leadership: Leadership
  readonly reach: Reach
  readonly agent: Agent
  /** Whether another backend of this program is giving its GPU back. */
  readonly othersLeave: () => boolean
}

/** One backend: its Deployment with what belongs to it, as the charts want it done and told. */
export class Backend {
  readonly #parts: BackendParts
  readonly #world
  readonly #provision
  readonly #closing = new AbortController()
  /** Names that each incarnation's own `/v1/models` gave. */
  readonly #names = new Map<string, { url: string; names: readonly string[] }>()
  readonly #asking = new Set<string>()
  #onSight: ((sight: Sight) => void) | undefined
  #lastSight = ''
  #watching: { endpoints: readonly Endpoint[]; onLost: (lost: ReplicaLost) => void } | undefined
  #silent = 0
  #repairing: Promise<void> | undefined
  #wasEnsured = false
  #lookAgain: NodeJS.Timeout | undefined
  #goingDown: Promise<unknown> | undefined
  /** Restarts of each pod when the present start began. */
  #restartsBefore = new Map<string, number>()
  readonly #autoscaler = new Map<string, AutoscalerSays>()

  constructor(parts: BackendParts) {
    this.#parts = parts
    const { options, place, leadership } = parts
    this.#provision = createProvision({ ...parts, api: options.api, log: options.log })
    this.#world = followWorld(options.api, place)
    this.#world.subscribe(() => this.#update())
    const stopListening = [
      leadership.subscribe(() => this.#update()),
      options.catalogue.subscribe(() => this.#update()),
    ]
    this.#closing.signal.addEventListener('abort', () => {
      for (const stop of stopListening) stop()
    })
  }

  async observe(): Promise<Observed> {
    await this.#world.synced
    await this.#verify()
    return this.#observed()
  }

  follow(onSight: (sight: Sight) => void): () => void {
    this.#onSight = onSight
    this.#lastSight = ''
    this.#update()
    return () => {
      if (this.#onSight === onSight) this.#onSight = undefined
    }
  }

  async ensureResources(order: StartOrder, signal: AbortSignal): Promise<void> {
    const { options, leadership, place } = this.#parts
    leadership.assertLeads()
    await this.#repairing?.catch(() => undefined)
    if (options.manages) {
      await this.#provision.ensure(this.#modelOf(order), signal)
    } else if ((await options.api.get('Deployment', place.deployment, { signal })) === undefined) {
      throw refused(
        `Deployment ${options.api.namespace}/${place.deployment} does not exist; create it, or let vllm-chill do so with --enable-model-switch`,
      )
    }
    await this.#refresh()
  }

  async start(order: StartOrder, signal: AbortSignal, onPhase: OnPhase): Promise<Started> {
    const { leadership, place } = this.#parts
    const { name, revision } = order.model
    const before = leadership.progress[place.backend]
    const goesOn =
      before?.doing === 'starting' && before.model === name && before.revision === revision
    if (!goesOn) {
      const since = new Date().toISOString()
      await leadership.note(place.backend, { doing: 'starting', model: name, revision, since })
    }
    signal.throwIfAborted()
    this.#countRestarts()
    await this.#up(signal)
    const endpoints = await this.#untilServing(order, signal, onPhase)
    await leadership.note(place.backend, undefined)
    return {
      endpoints,
      revision: this.#parts.options.manages ? (this.#meant()?.revision ?? revision) : revision,
    }
  }

  async #up(signal: AbortSignal): Promise<void> {
    const { options, leadership, place } = this.#parts
    const isThere = await scale(
      { api: options.api, leadership, deployment: place.deployment },
      'up',
      signal,
    )
    if (!isThere) throw refused(`Deployment ${place.deployment} was deleted while it was to start`)
  }

  async #untilServing(
    order: StartOrder,
    signal: AbortSignal,
    onPhase: OnPhase,
  ): Promise<readonly Endpoint[]> {
    const { options, leadership } = this.#parts
    let told = ''
    let phase: StartPhase | undefined
    let unreachableSince: number | undefined
    let wasScaledAgain = false
    // Until it is asked anew, what is known may be of before the scale.
    let isFresh = await this.#refresh()
    for (;;) {
      signal.throwIfAborted()
      leadership.assertLeads()
      const changed = this.#world.change(signal, lookAgainMs)
      changed.catch(() => undefined)
      const sight = this.#look()
      phase = sight.phase ?? phase
      const tells = `${phase} ${sight.progress}`
      if (phase !== undefined && tells !== told) onPhase(phase, sight.progress)
      told = tells
      if (sight.unschedulable) await this.#hearAutoscaler(sight.unschedulable, signal)
      if (sight.failure !== undefined) throw await this.#failed(sight.failure, signal)
      if (isFresh && this.#replicas === 0) {
        // Somebody waits for it, so it is asked for once more; a second time it is meant.
        if (wasScaledAgain) throw refused('somebody scales it to 0 while it starts')
        wasScaledAgain = true
        await this.#up(signal)
        isFresh = await this.#refresh()
      }
      const serving = await this.#verify(sight.ready, signal)
      if (serving.length > 0) return this.#endpointsFor(order, serving)
      if (sight.ready.length === 0) {
        unreachableSince = undefined
        const recheckMs = Math.min(sight.recheckInMs ?? lookAgainMs, lookAgainMs)
        await Promise.race([changed, this.#world.change(signal, recheckMs)])
        if (performance.now() > this.#refreshDue) isFresh = await this.#refresh()
        continue
      }
      unreachableSince ??= performance.now()
      if (performance.now() - unreachableSince > unreachableAfterMs) {
        const [{ address, port, pod }] = sight.ready as [ReadyPod]
        throw refused(
          `pod ${pod.metadata?.name} is Ready, but does not answer this program at ${address}:${port}; check NetworkPolicies, or set endpointMode`,
        )
      }
      await this.#world.change(signal, options.probeIntervalMs ?? defaultProbeIntervalMs)
    }
  }

  /** What ended before this start is not its failure. */
  #countRestarts(): void {
    this.#restartsBefore = new Map(
      this.#world.pods.map(({ metadata, status }) => [
        metadata?.uid ?? '',
        Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount)),
      ]),
    )
  }

  /** Autoscalers say in Events whether they add a node. Who may not read them waits as if none did. */
  async #hearAutoscaler({ metadata }: V1Pod, signal: AbortSignal): Promise<void> {
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

  get leaves(): boolean {
    return this.#world.pods.some(({ metadata }) => metadata?.deletionTimestamp !== undefined)
  }

  get #replicas(): number {
    return this.#world.deployment?.spec?.replicas ?? 0
  }

  #refreshDue = 0

  /** False: the API server does not say; what is known may be old. */
  async #refresh(): Promise<boolean> {
    this.#refreshDue = performance.now() + lookAgainMs
    return await this.#world.refresh().then(
      () => true,
      () => false,
    )
  }

  /** @throws StartError where the pods serve another model */
  #endpointsFor({ model }: StartOrder, serving: readonly ReadyPod[]): readonly Endpoint[] {
    const right = serving.filter(({ incarnation }) =>
      this.#names.get(incarnation)?.names.includes(model.name),
    )
    if (right.length > 0) return right.map((pod) => this.#endpoint(pod))
    const names = this.#names.get(serving[0]!.incarnation)?.names ?? []
    const served = names.map((name) => `"${name}"`).join(', ')
    throw new StartError({
      reason: 'wrong_model',
      message: `pod ${serving[0]!.pod.metadata?.name} serves ${served}, not "${model.name}"`,
    })
  }

  async #failed(
    { failure, wantsLog }: NonNullable<PodSight['failure']>,
    signal: AbortSignal,
  ): Promise<StartError> {
    if (wantsLog === undefined) return new StartError(failure)
    const { pod, container, previous } = wantsLog
    // A container that ended is started again at once, and what it wrote is then of the run before.
    const log = await this.#readLog(pod, container, previous, signal)
    if (log.length > 0 || previous) return new StartError({ ...failure, log })
    return new StartError({ ...failure, log: await this.#readLog(pod, container, true, signal) })
  }

  async #readLog(
    pod: string,
    container: string,
    previous: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { api, log } = this.#parts.options
    try {
      return await api.podLog(pod, { container, tailLines: logLines, previous, signal })
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ pod, container, err: error }, `the log of pod ${pod} cannot be read`)
      return []
    }
  }

  watch(onLost: (lost: ReplicaLost) => void): () => void {
    const observed = this.#observed()
    const watching = {
      endpoints: observed.found === 'ready' ? observed.endpoints : [],
      onLost,
    }
    this.#watching = watching
    this.#silent = 0
    queueMicrotask(() => this.#update())
    return () => {
      if (this.#watching === watching) this.#watching = undefined
    }
  }

  async engineLoad(signal: AbortSignal): Promise<EngineLoad | undefined> {
    const { agent, options } = this.#parts
    const sight = this.#look()
    const loads = await Promise.all(
      sight.ready.map(async ({ incarnation }) => {
        const url = this.#names.get(incarnation)?.url
        return url === undefined
          ? undefined
          : await readEngineLoad(agent, url, options.backendApiKey, signal)
      }),
    )
    if (loads.length === 0)
      throw new Error(`no pod of backend ${this.#parts.place.backend} is ready`)
    return loads.reduce<EngineLoad | undefined>(
      (sum, load) =>
        load === undefined
          ? sum
          : {
              running: (sum?.running ?? 0) + load.running,
              waiting: (sum?.waiting ?? 0) + load.waiting,
            },
      undefined,
    )
  }

  async stop(signal: AbortSignal): Promise<void> {
    const { options, leadership, place } = this.#parts
    const { api, log } = options
    const backend = place.backend
    leadership.assertLeads()
    await this.#world.synced
    const before = this.#observed()
    if (before.found === 'nothing') {
      if ((await this.#refresh()) && this.#observed().found === 'nothing') {
        await leadership.note(backend, undefined)
        return
      }
    }
    if (leadership.progress[backend]?.doing !== 'leaving') {
      await leadership.note(backend, { doing: 'leaving', since: new Date().toISOString() })
    }
    if (before.found === 'ready') await this.#untilOthersEnded(signal)
    let writes = 0
    let isFresh = false
    for (;;) {
      signal.throwIfAborted()
      leadership.assertLeads()
      if (writes === 0 || (isFresh && this.#replicas > 0)) {
        // Somebody who scales it up again and again is stronger; the chart says so and comes back.
        if (writes === 3) {
          throw new Error(`somebody scales ${place.deployment} up while it is brought down`)
        }
        if (writes > 0) {
          log.warn({ backend }, `${place.deployment} was scaled up while it is brought down`)
        }
        writes++
        // Once begun it is done, even if the program ends meanwhile: nobody else may come to do it.
        const { signal: closing } = this.#closing
        this.#goingDown = scale({ api, leadership, deployment: place.deployment }, 'down', closing)
        await untilAborted(this.#goingDown, signal)
        isFresh = await this.#refresh()
      }
      const changed = this.#world.change(signal, lookAgainMs)
      changed.catch(() => undefined)
      if (isFresh && this.#replicas === 0 && this.#look().present === 0) break
      await changed
      if (performance.now() > this.#refreshDue) isFresh = await this.#refresh()
    }
    await leadership.note(backend, undefined)
    this.#update()
  }

  /** Other programs admit nothing more; what they still have in flight runs to its end. */
  async #untilOthersEnded(signal: AbortSignal): Promise<void> {
    const { leadership, options, place } = this.#parts
    const since = performance.now()
    await leadership.untilFollowersSaw(signal)
    for (;;) {
      const load = await this.engineLoad(signal).catch(() => undefined)
      signal.throwIfAborted()
      if (load === undefined || load.running + load.waiting === 0) return
      if (options.cutAfterMs !== undefined && performance.now() - since > options.cutAfterMs) {
        options.log.warn({ backend: place.backend, ...load }, 'requests of other programs are cut')
        return
      }
      await this.#world.change(signal, engineRecheckMs)
    }
  }

  /** The resources of a model before anybody asks, so that all is seen to be well; without a replica. */
  async #ensureAtRest(model: CatalogueModel): Promise<void> {
    await this.#provision.ensure(model, this.#closing.signal, { atRest: true })
  }

  async close(): Promise<void> {
    clearTimeout(this.#lookAgain)
    await this.#goingDown?.catch(() => undefined)
    this.#closing.abort(new Error('the driver is closed'))
    this.#world.close()
  }

  #modelOf({ model }: StartOrder): CatalogueModel {
    const found = this.#parts.options.catalogue.models.get(model.name)
    if (!found) throw refused(`the model "${model.name}" is no longer in the catalogue`)
    return found
  }

  /** What the Deployment is meant to run now. */
  #meant(): Meant | undefined {
    const { options, place } = this.#parts
    const { deployment, configMap } = this.#world
    if (deployment && isOurs(deployment, place.installation)) {
      return meantBy(deployment.spec?.template.metadata)
    }
    if (options.manages) return meantByConfigMap(configMap, options.catalogue.models)
    // Only scaled: it serves what it serves, which its /v1/models has told or will tell.
    const known = this.#look().ready.flatMap(
      ({ incarnation }) => this.#names.get(incarnation)?.names ?? [],
    )
    const { models } = options.catalogue
    const model =
      known.map((name) => models.get(name)).find((found) => found !== undefined) ??
      models.get(options.defaultModel ?? '') ??
      [...models.values()][0]
    return model && { model: model.name, revision: model.facts.revision }
  }

  #look(): PodSight {
    const { deployment, service, pods } = this.#world
    return lookAtPods({
      deployment,
      service,
      pods,
      now: Date.now(),
      graceMs: this.#parts.options.unschedulableGraceMs,
      autoscaler: this.#autoscaler,
      othersLeave: this.#parts.othersLeave(),
      restartsBefore: this.#restartsBefore,
    })
  }

  #observed(): Observed {
    const { place, leadership } = this.#parts
    const pods = this.#look()
    const meant = this.#meant()
    const verified = pods.ready.filter(({ incarnation }) =>
      this.#names.get(incarnation)?.names.includes(meant?.model ?? ''),
    )
    return observedOf({
      deployment: this.#world.deployment,
      pods,
      meant,
      verified: verified.map((pod) => this.#endpoint(pod)),
      progress: leadership.progress[place.backend],
      now: Date.now(),
    })
  }

  #endpoint({ incarnation }: ReadyPod): Endpoint {
    const { url, names } = this.#names.get(incarnation)!
    const { models } = this.#parts.options.catalogue
    const model = names.map((name) => models.get(name)).find((found) => found !== undefined)
    return { url, incarnation, maxInFlight: model?.maxInFlight ?? 1 }
  }

  /** Asks ready pods that have not told yet what they serve; those that have are returned. */
  async #verify(
    ready: readonly ReadyPod[] = this.#look().ready,
    signal: AbortSignal = this.#closing.signal,
  ): Promise<readonly ReadyPod[]> {
    const { options, reach, agent, place } = this.#parts
    const timeoutMs = options.probeTimeoutMs ?? defaultProbeTimeoutMs
    await Promise.all(
      ready.map(async (pod) => {
        const { incarnation } = pod
        if (this.#names.has(incarnation)) return
        const url = await reach.urlOf(place, pod)
        const answer = await probe(agent, { url, apiKey: options.backendApiKey, signal, timeoutMs })
        if (answer.is === 'locked') {
          throw new StartError({
            reason: 'unknown',
            message: `the backend refuses our key (status ${answer.status}): configure its key as the backend key`,
          })
        }
        if (answer.is === 'serving') this.#names.set(incarnation, { url, names: answer.names })
      }),
    )
    return ready.filter(({ incarnation }) => this.#names.has(incarnation))
  }

  /** Something has changed: whoever must know is told. */
  #update(): void {
    if (this.#closing.signal.aborted) return
    const sight = this.#look()
    this.#forget(sight)
    this.#tellSight()
    this.#tellLoss(sight)
    this.#repair()
    for (const pod of sight.ready) this.#askSoon(pod)
    clearTimeout(this.#lookAgain)
    if (sight.recheckInMs !== undefined) {
      this.#lookAgain = setTimeout(() => this.#update(), sight.recheckInMs)
    }
  }

  #forget({ ready }: PodSight): void {
    const present = new Set(
      this.#world.pods.flatMap((pod) => {
        const uid = pod.metadata?.uid ?? ''
        return [...this.#names.keys()].filter((incarnation) => incarnation.startsWith(uid))
      }),
    )
    for (const { incarnation } of ready) present.add(incarnation)
    for (const incarnation of this.#names.keys()) {
      if (!present.has(incarnation)) this.#names.delete(incarnation)
    }
    this.#parts.reach.keepOnly(this.#parts.place.backend, present)
  }

  #askSoon(pod: ReadyPod): void {
    const { incarnation } = pod
    if (this.#names.has(incarnation) || this.#asking.has(incarnation)) return
    this.#asking.add(incarnation)
    void this.#verify([pod])
      .catch(() => undefined)
      .then(() => {
        this.#asking.delete(incarnation)
        if (this.#names.has(incarnation)) this.#update()
        else if (!this.#closing.signal.aborted) {
          this.#lookAgain ??= setTimeout(() => this.#update(), silentProbeMs)
        }
      })
  }

  #tellSight(): void {
    if (!this.#onSight) return
    const sight: Sight = {
      observed: this.#observed(),
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
      const message = this.#provision.whyImpossible(model, this.#world.deployment)
      if (message !== undefined) refusals[name] = { reason: 'resources', message }
    }
    return refusals
  }

  #tellLoss(sight: PodSight): void {
    const watching = this.#watching
    if (!watching) return
    const replaced = this.#replicas > 0
    const lose = (message: string) => {
      this.#watching = undefined
      watching.onLost({ message, replaced })
    }
    if (watching.endpoints.length === 0) {
      lose('no ready pod is there')
      return
    }
    const isReady = (incarnation: string) =>
      sight.ready.some((pod) => pod.incarnation === incarnation)
    const missing = watching.endpoints.filter(({ incarnation }) => !isReady(incarnation))
    if (missing.length === 0) {
      this.#silent = 0
      return
    }
    const { incarnation, url } = missing[0]!
    const gone = sight.gone(incarnation)
    if (gone !== undefined) lose(gone)
    else void this.#askWhetherItLives(url, lose)
  }

  /** It runs, and is not Ready: busy engines miss probes, and their streams must not be cut for it. */
  async #askWhetherItLives(url: string, lose: (message: string) => void): Promise<void> {
    if (this.#silent > 0) return
    const watching = this.#watching
    const { agent, options } = this.#parts
    while (this.#watching === watching && !this.#closing.signal.aborted) {
      this.#silent++
      const answer = await probe(agent, {
        url,
        apiKey: options.backendApiKey,
        signal: this.#closing.signal,
        timeoutMs: silentProbeMs,
      }).catch(() => undefined)
      if (this.#watching !== watching || this.#silent === 0) return
      if (answer !== undefined && answer.is !== 'not ready') this.#silent = 1
      else if (this.#silent > silentProbes) {
        lose('the pod is not Ready any more, and does not answer')
        return
      }
      await this.#world.change(this.#closing.signal, silentProbeMs).catch(() => undefined)
    }
  }

  /** Puts right what somebody changed of ours. */
  #repair(): void {
    const { options, leadership, place } = this.#parts
    if (!options.manages || !leadership.leads || this.#repairing) return
    const { deployment } = this.#world
    const meant = this.#meant()
    const model = meant && options.catalogue.models.get(meant.model)
    const isOurOwn = deployment !== undefined && isOurs(deployment, place.installation)
    if (!model || !isOurOwn || model.facts.revision !== meant.revision) return
    this.#repairing = this.#provision
      .repair(this.#world, model, this.#closing.signal)
      .catch((error: unknown) => {
        if (this.#closing.signal.aborted || error instanceof NotLeading) return
        options.log.error(
          { backend: place.backend, err: error },
          'what was changed cannot be put right',
        )
      })
      .finally(() => {
        this.#repairing = undefined
      })
  }

  /** Called when this program begins to lead. */
  async takeOver(): Promise<void> {
    const { options, place } = this.#parts
    if (!options.manages || this.#wasEnsured) return
    const { models } = options.catalogue
    const model = models.get(options.defaultModel ?? '') ?? [...models.values()][0]
    if (!model) return
    this.#wasEnsured = true
    try {
      await this.#ensureAtRest(model)
    } catch (error) {
      this.#wasEnsured = false
      if (this.#closing.signal.aborted || error instanceof NotLeading) return
      options.log.warn(
        { backend: place.backend, err: error },
        `the resources of ${place.backend} cannot be made yet: ${(error as Error).message}`,
      )
    }
  }
}

function refused(message: string): StartError {
  return new StartError({ reason: 'resources', message })
}
