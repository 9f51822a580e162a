import type { Agent } from 'undici'
import { StartError, type Endpoint, type EngineLoad } from '../../../machines/index.ts'
import { probe, readEngineLoad } from '../engine/index.ts'
import { ApiFault } from './api/index.ts'
import { defaultProbeTimeoutMs, type KubernetesDriverOptions } from './options.ts'
import type { PodSight, ReadyPod } from './pods/index.ts'
import type { Reach } from './reach.ts'
import type { BackendPlace } from './resources/index.ts'

export interface EnginesParts {
  readonly options: KubernetesDriverOptions
  readonly place: BackendPlace
  readonly reach: Reach
  readonly agent: Agent
}

interface Told {
  readonly url: string
  /** What its own `/v1/models` named. */
  readonly names: readonly string[]
}

/** The engines in a backend's pods: where each is reached, what it has told of itself, what it does. */
export class Engines {
  readonly #parts: EnginesParts
  /** By incarnation: another container has to tell anew. */
  readonly #told = new Map<string, Told>()

  constructor(parts: EnginesParts) {
    this.#parts = parts
  }

  /** Empty until it has told. */
  namesOf({ incarnation }: ReadyPod): readonly string[] {
    return this.#told.get(incarnation)?.names ?? []
  }

  /** Only of pods that have told. */
  endpointOf({ incarnation }: ReadyPod): Endpoint {
    const { url, names } = this.#told.get(incarnation)!
    const { models } = this.#parts.options.catalogue
    const model = names.map((name) => models.get(name)).find((found) => found !== undefined)
    return { url, incarnation, maxInFlight: model?.maxInFlight ?? 1 }
  }

  /** Asks pods that have not told yet what they serve. Those that have are returned. @throws StartError */
  async ask(pods: readonly ReadyPod[], signal: AbortSignal): Promise<readonly ReadyPod[]> {
    await Promise.all(pods.map((pod) => this.#askOne(pod, signal)))
    return pods.filter(({ incarnation }) => this.#told.has(incarnation))
  }

  async #askOne(pod: ReadyPod, signal: AbortSignal): Promise<void> {
    const { incarnation } = pod
    if (this.#told.has(incarnation)) return
    const url = await this.#urlOf(pod)
    if (url === undefined) return
    const answer = await this.probe(url, signal)
    if (answer.is === 'locked') {
      throw new StartError({
        reason: 'unknown',
        message: `the backend refuses our key (status ${answer.status}): configure its key as the backend key`,
      })
    }
    if (answer.is === 'serving') this.#told.set(incarnation, { url, names: answer.names })
  }

  /** Undefined: the API server is in trouble, or the pod has gone meanwhile. */
  async #urlOf(pod: ReadyPod): Promise<string | undefined> {
    try {
      return await this.#parts.reach.urlOf(this.#parts.place, pod)
    } catch (error) {
      if (error instanceof ApiFault && (error.isPassing || error.code === 404)) return undefined
      throw error
    }
  }

  probe(url: string, signal: AbortSignal, timeoutMs?: number) {
    const { options, agent } = this.#parts
    return probe(agent, {
      url,
      apiKey: options.backendApiKey,
      signal,
      timeoutMs: timeoutMs ?? options.probeTimeoutMs ?? defaultProbeTimeoutMs,
    })
  }

  /** Whether one that has told this name still runs, be it Ready or not. */
  runs(name: string | undefined, sight: PodSight): boolean {
    return this.#running(sight).some(({ names }) => name !== undefined && names.includes(name))
  }

  #running(sight: PodSight): readonly Told[] {
    const told = [...this.#told].filter(([incarnation]) => sight.gone(incarnation) === undefined)
    return told.map(([, each]) => each)
  }

  /**
   * Summed over all that have told and still run, for one that is busy may not be Ready; undefined
   * where none says. Rejects where one does not answer.
   */
  async load(sight: PodSight, signal: AbortSignal): Promise<EngineLoad | undefined> {
    const { options, agent, place } = this.#parts
    const running = this.#running(sight)
    if (sight.ready.length + running.length === 0) {
      throw new Error(`no pod of backend ${place.backend} is ready`)
    }
    const loads = await Promise.all(
      running.map(({ url }) => readEngineLoad(agent, url, options.backendApiKey, signal)),
    )
    const said = loads.filter((load) => load !== undefined)
    if (said.length === 0) return undefined
    const sum = (field: keyof EngineLoad) => said.reduce((all, load) => all + load[field], 0)
    return { running: sum('running'), waiting: sum('waiting') }
  }

  /** Of pods that are gone nothing is kept. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const incarnation of this.#told.keys()) {
      if (!uids.has(incarnation.split('/')[0]!)) this.#told.delete(incarnation)
    }
    this.#parts.reach.keepOnly(this.#parts.place.backend, uids)
  }
}
