import { setTimeout as delay } from 'node:timers/promises'
import type { Endpoint, ReplicaLost } from '../../../machines/index.ts'
import type { Engines } from './engines.ts'
import type { PodSight } from './pods/index.ts'
import type { World } from './world.ts'

/** A pod that is not Ready any more is only given up when it does not answer so many probes. */
const silentProbes = 3
const silentProbeMs = 2_000

interface Watching {
  readonly endpoints: readonly Endpoint[]
  readonly onLost: (lost: ReplicaLost) => void
}

/** Says when an endpoint that serves is lost. */
export class LossWatch {
  readonly #engines: Engines
  readonly #world: World
  readonly #closing: AbortSignal
  #watching: Watching | undefined
  /** Ends when whoever is asked whether it lives need not be asked any more. */
  #asking: AbortController | undefined

  constructor(engines: Engines, world: World, closing: AbortSignal) {
    this.#engines = engines
    this.#world = world
    this.#closing = closing
  }

  begin(watching: Watching): () => void {
    this.#end()
    this.#watching = watching
    return () => {
      if (this.#watching === watching) this.#end()
    }
  }

  #end(): void {
    this.#watching = undefined
    this.#stopAsking()
  }

  #stopAsking(): void {
    this.#asking?.abort()
    this.#asking = undefined
  }

  /** After each change. */
  look(sight: PodSight): void {
    const watching = this.#watching
    if (!watching) return
    if (watching.endpoints.length === 0) {
      this.#lose('no ready pod is there')
      return
    }
    const missing = watching.endpoints.filter(
      ({ incarnation }) => !sight.ready.some((pod) => pod.incarnation === incarnation),
    )
    const gone = missing.map(({ incarnation }) => sight.gone(incarnation)).find(Boolean)
    const [first] = missing
    if (first === undefined) this.#stopAsking()
    else if (gone !== undefined) this.#lose(gone)
    else if (this.#asking === undefined) {
      this.#asking = new AbortController()
      const signal = AbortSignal.any([this.#asking.signal, this.#closing])
      this.#askWhetherItLives(first.url, signal).catch(() => undefined)
    }
  }

  #lose(message: string): void {
    const watching = this.#watching
    this.#end()
    const replaced = (this.#world.deployment?.spec?.replicas ?? 0) > 0
    watching?.onLost({ message, replaced })
  }

  /**
   * It runs, and is not Ready: busy engines miss probes, and their streams must not be cut for it.
   * Rejects when the signal aborts.
   */
  async #askWhetherItLives(url: string, signal: AbortSignal): Promise<void> {
    for (let silent = 0; ;) {
      const { is } = await this.#engines.probe(url, signal, silentProbeMs)
      signal.throwIfAborted()
      silent = is === 'not ready' ? silent + 1 : 0
      if (silent === silentProbes) {
        this.#lose('the pod is not Ready any more, and does not answer')
        return
      }
      await delay(silentProbeMs, undefined, { signal })
    }
  }
}
