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
  /** Whom it asks whether it lives. */
  #asking: Watching | undefined

  constructor(engines: Engines, world: World, closing: AbortSignal) {
    this.#engines = engines
    this.#world = world
    this.#closing = closing
  }

  begin(watching: Watching): () => void {
    this.#watching = watching
    return () => {
      if (this.#watching === watching) this.#watching = undefined
    }
  }

  /** After each change. */
  look(sight: PodSight): void {
    const watching = this.#watching
    if (!watching) return
    if (watching.endpoints.length === 0) {
      this.#lose('no ready pod is there')
      return
    }
    const missing = watching.endpoints.find(
      ({ incarnation }) => !sight.ready.some((pod) => pod.incarnation === incarnation),
    )
    if (missing === undefined) {
      this.#asking = undefined
      return
    }
    const gone = sight.gone(missing.incarnation)
    if (gone !== undefined) this.#lose(gone)
    else if (this.#asking !== watching) void this.#askWhetherItLives(watching, missing.url)
  }

  #lose(message: string): void {
    const watching = this.#watching
    this.#watching = undefined
    const replaced = (this.#world.deployment?.spec?.replicas ?? 0) > 0
    watching?.onLost({ message, replaced })
  }

  /** It runs, and is not Ready: busy engines miss probes, and their streams must not be cut for it. */
  async #askWhetherItLives(watching: Watching, url: string): Promise<void> {
    this.#asking = watching
    const isOver = () =>
      this.#watching !== watching || this.#asking !== watching || this.#closing.aborted
    for (let silent = 0; !isOver();) {
      const answer = await this.#engines
        .probe(url, this.#closing, silentProbeMs)
        .catch(() => undefined)
      if (isOver()) return
      silent = answer === undefined || answer.is === 'not ready' ? silent + 1 : 0
      if (silent === silentProbes) {
        this.#lose('the pod is not Ready any more, and does not answer')
        return
      }
      await delay(silentProbeMs, undefined, { signal: this.#closing }).catch(() => undefined)
    }
  }
}
