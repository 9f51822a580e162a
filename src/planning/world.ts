import type { Driver, EngineLoad, Observed, Started, StartOrder } from '../../machines/index.ts'
import type { Clock } from '../admission/index.ts'
import { BusyTime } from './busy-time.ts'

export interface WorldTimes {
  /** ms that a load takes, by model. */
  readonly loadMs: Readonly<Record<string, number>>
  readonly unloadMs: number
  readonly maxInFlight: number
}

/** A world in which every start works and takes the time it was given, and every stop too. */
export class PlannedWorld implements Driver {
  readonly name = 'process'
  readonly stopsWithProgram = true
  readonly began: StartOrder[] = []
  /** What must never be seen: two models on one backend. */
  readonly violations: string[] = []
  readonly #clock: Clock
  readonly #times: WorldTimes
  readonly #there = new Map<string, string>()
  readonly #held = new Map<string, BusyTime>()
  #count = 0

  constructor(clock: Clock, times: WorldTimes) {
    this.#clock = clock
    this.#times = times
  }

  observe(): Promise<Observed> {
    return Promise.resolve({ found: 'nothing' })
  }

  ensureResources(): Promise<void> {
    return Promise.resolve()
  }

  async start(order: StartOrder): Promise<Started> {
    const { backend, model } = order
    this.began.push(order)
    const there = this.#there.get(backend)
    if (there !== undefined) this.violations.push(`${backend}: ${model.name} beside ${there}`)
    if (there === undefined) this.#heldBy(backend).add()
    this.#there.set(backend, model.name)
    const incarnation = `p${++this.#count}`
    await this.#after(this.#times.loadMs[model.name] ?? 0)
    const { maxInFlight } = this.#times
    return {
      endpoints: [{ url: `http://${incarnation}`, incarnation, maxInFlight }],
      revision: model.revision,
    }
  }

  async stop(backend: string): Promise<void> {
    if (!this.#there.has(backend)) return
    await this.#after(this.#times.unloadMs)
    if (this.#there.delete(backend)) this.#heldBy(backend).remove()
  }

  /** From the begin of a load until the GPU was free again; the sum of all backends. */
  heldMs(): number {
    return [...this.#held.values()].reduce((sum, each) => sum + each.total(), 0)
  }

  watch(): () => void {
    return () => {}
  }

  engineLoad(): Promise<EngineLoad | undefined> {
    return Promise.resolve(undefined)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #heldBy(backend: string): BusyTime {
    let held = this.#held.get(backend)
    if (!held) this.#held.set(backend, (held = new BusyTime(() => this.#clock.now())))
    return held
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimeout(resolve, ms)
    })
  }
}
