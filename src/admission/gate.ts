import type { Demand, Endpoint } from '../../machines/index.ts'
import type { ChillError } from '../errors/index.ts'
import type { Clock } from './clock.ts'
import type { AdmissionRequest, Lease } from './types.ts'
import { WaitingLine, type Waiter } from './waiting-line.ts'

/** How long an endpoint that refused a connection gets no new request; its end is usually known sooner. */
const suspicionMs = 1_000

/**
 * How long a backend counts as used after its last lease, if nobody waits: requests that come one after the
 * other need not move the chart to and fro.
 */
const lullMs = 20

interface OpenEndpoint {
  readonly endpoint: Endpoint
  leases: number
  suspectUntil: number
}

interface OpenFor {
  readonly model: string
  readonly generation: number
  readonly endpoints: readonly OpenEndpoint[]
}

export interface GateOptions {
  readonly backend: string
  readonly clock: Clock
  /** Called at each edge: leases 0 ↔ some, and whatever changes who is first or owed. */
  readonly onDemand: (demand: Demand) => void
  /** What the manifest says now; undefined leaves what the endpoint started with. */
  readonly maxInFlight?: (model: string) => number | undefined
  /** Whether nobody is admitted past who waits longer for another model; asked at each admission. */
  readonly inOrder?: () => boolean
  /** Called when the gate has opened, or a place has become free, and nobody here waits for it. */
  readonly onRoom?: (model: string) => void
  /** Called whenever more or fewer wait for a model. */
  readonly onWaiting?: (model: string) => void
}

/**
 * The one place that counts a backend's leases and holds who waits for it. Everything in it is
 * synchronous, so "closed" and "how many are out" are one moment, and no request slips between.
 */
export class Gate {
  readonly backend: string
  readonly #clock: Clock
  readonly #onDemand: (demand: Demand) => void
  readonly #maxInFlight: (model: string) => number | undefined
  readonly #onWaiting: (model: string) => void
  readonly #onRoom: (model: string) => void
  readonly #inOrder: () => boolean
  readonly #lines = new Map<string, WaitingLine>()
  readonly #leases = new Set<GateLease>()
  readonly #drained = new Set<() => void>()
  #open: OpenFor | undefined
  #told = ''
  #toldInUse = false
  #lull: unknown

  constructor(options: GateOptions) {
    this.backend = options.backend
    this.#clock = options.clock
    this.#onDemand = options.onDemand
    this.#maxInFlight = options.maxInFlight ?? (() => undefined)
    this.#onWaiting = options.onWaiting ?? (() => {})
    this.#onRoom = options.onRoom ?? (() => {})
    this.#inOrder = options.inOrder ?? (() => false)
  }

  /** A lease, if the gate is open for the model, has room, and nobody waits ahead. */
  tryAcquire(request: AdmissionRequest): Lease | undefined {
    if (this.#open?.model !== request.model) return undefined
    const line = this.#lines.get(request.model)
    if (line && line.size > 0 && !isAhead(request, line)) return undefined
    if (this.#isPassed(request)) return undefined
    const place = this.#roomiest()
    if (!place) return undefined
    const lease = this.#lease(request, place, 0)
    if (!this.#toldInUse) this.#tell()
    return lease
  }

  enqueue(waiter: Waiter): void {
    this.#line(waiter.request.model).add(waiter)
    this.#onWaiting(waiter.request.model)
    this.#pump()
    this.#tell()
  }

  /** False when it was not here any more: granted or refused already. */
  leave(waiter: Waiter): boolean {
    const left = this.#remove(waiter)
    if (left) {
      this.#pump()
      this.#tell()
    }
    return left
  }

  /** Admission begins for a verified model; whoever waits for it is served in order. */
  openFor(model: string, generation: number, endpoints: readonly Endpoint[]): void {
    this.#open = {
      model,
      generation,
      endpoints: endpoints.map((endpoint) => ({ endpoint, leases: 0, suspectUntil: -Infinity })),
    }
    // Leases of before (a switch that was called off) still count against their endpoint.
    for (const lease of this.#leases) {
      const place = this.#placeOf(lease.endpoint)
      if (place) place.leases++
    }
    this.#lines.get(model)?.oweAll()
    this.#pump()
    this.#onRoom(model)
    this.#tell()
  }

  /** From now on nobody gets in. Returns the leases that are out. */
  close(): number {
    this.#open = undefined
    this.#tell()
    return this.#leases.size
  }

  /** Resolves at the moment no lease is out. */
  async whenDrained(signal: AbortSignal): Promise<void> {
    if (this.#leases.size === 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      const dispose = () => {
        this.#drained.delete(dispose)
        signal.removeEventListener('abort', dispose)
        resolve()
      }
      this.#drained.add(dispose)
      signal.addEventListener('abort', dispose)
    })
  }

  /** Takes everybody who waits for a model out of the gate, to be moved or refused. */
  takeAll(model: string): Waiter[] {
    const waiters = [...(this.#lines.get(model) ?? [])].sort(
      (a, b) => a.request.arrivedAt - b.request.arrivedAt,
    )
    this.#lines.delete(model)
    if (waiters.length > 0) {
      this.#onWaiting(model)
      this.#pump()
      this.#tell()
    }
    return waiters
  }

  /** Takes the first in line for a model out of the gate, to be served elsewhere. */
  takeFirst(model: string): Waiter | undefined {
    const waiter = this.#lines.get(model)?.head
    if (!waiter) return undefined
    this.#remove(waiter)
    this.#tell()
    return waiter
  }

  /** Arrival of the first in line for a model, ms of the clock. */
  oldestFor(model: string): number | undefined {
    return this.#lines.get(model)?.head?.request.arrivedAt
  }

  /** A request for the model that is open would be served at once. */
  get hasRoom(): boolean {
    const open = this.#open?.model
    return open !== undefined && this.waitingFor(open) === 0 && this.#roomiest() !== undefined
  }

  refuseAll(model: string, error: () => ChillError): void {
    for (const waiter of this.takeAll(model)) waiter.refuse(error())
  }

  /** Ends the leases that are out: an explicit setting, a second signal, or an operator. */
  cut(reason: string): void {
    for (const lease of this.leases) lease.onCut?.(reason)
  }

  get openModel(): string | undefined {
    return this.#open?.model
  }

  get leases(): readonly Lease[] {
    return [...this.#leases]
  }

  get leaseCount(): number {
    return this.#leases.size
  }

  /** Who waits, in order within each model. */
  waiters(): Waiter[] {
    return Array.from(this.#lines.values(), (line) => Array.from(line)).flat()
  }

  get load(): number {
    let load = this.#leases.size
    for (const line of this.#lines.values()) load += line.size
    return load
  }

  get endpoints(): { url: string; leases: number; maxInFlight: number }[] {
    return (this.#open?.endpoints ?? []).map(({ endpoint, leases }) => ({
      url: endpoint.url,
      leases,
      maxInFlight: this.#roomOf(endpoint),
    }))
  }

  /** A manifest may allow more at once than before: whoever waits for that is served now. */
  roomChanged(): void {
    this.#pump()
    this.#tell()
  }

  /** Who waits, by model; `oldestAt` in ms of the clock. */
  waiting(): { model: string; count: number; bytes: number; oldestAt: number; owed: number }[] {
    return [...this.#lines]
      .filter(([, line]) => line.size > 0)
      .map(([model, line]) => ({
        model,
        count: line.size,
        bytes: line.bytes,
        oldestAt: line.head?.request.arrivedAt ?? 0,
        owed: line.owed,
      }))
  }

  waitingFor(model: string): number {
    return this.#lines.get(model)?.size ?? 0
  }

  demand(): Demand {
    return {
      openFor: this.#open?.generation,
      leases: this.#leases.size,
      waiting: [...this.#lines]
        .filter(([, line]) => line.size > 0)
        .map(([model, line]) => ({
          model,
          count: line.size,
          oldestAt: line.head?.request.arrivedAt ?? 0,
          weight: line.weight,
          meanAt: line.meanAt,
          owed: line.owed,
        })),
    }
  }

  #line(model: string): WaitingLine {
    let line = this.#lines.get(model)
    if (!line) this.#lines.set(model, (line = new WaitingLine()))
    return line
  }

  #remove(waiter: Waiter): boolean {
    const { model } = waiter.request
    const line = this.#lines.get(model)
    if (!line?.remove(waiter)) return false
    if (line.size === 0) this.#lines.delete(model)
    this.#onWaiting(model)
    return true
  }

  /** Serves who waits while there is room. True when somebody was served. */
  #pump(): boolean {
    const line = this.#open && this.#lines.get(this.#open.model)
    if (!line) return false
    let served = false
    for (let waiter = line.head; waiter; waiter = line.head) {
      if (this.#isPassed(waiter.request)) break
      const place = this.#roomiest()
      if (!place) break
      this.#remove(waiter)
      const { request } = waiter
      waiter.grant(this.#lease(request, place, this.#clock.now() - request.arrivedAt))
      served = true
    }
    return served
  }

  #lease(request: AdmissionRequest, place: OpenEndpoint, waitedMs: number): Lease {
    const lease = new GateLease(request, this.backend, place.endpoint, waitedMs, this)
    place.leases++
    this.#leases.add(lease)
    return lease
  }

  /** Somebody has waited longer for another model, where that matters. */
  #isPassed({ model, arrivedAt }: AdmissionRequest): boolean {
    if (this.#lines.size === 0 || !this.#inOrder()) return false
    for (const [other, { head }] of this.#lines) {
      if (other !== model && head && head.request.arrivedAt < arrivedAt) return true
    }
    return false
  }

  /** @internal Called by the lease. */
  giveBack(lease: GateLease): void {
    if (!this.#leases.delete(lease)) return
    const place = this.#placeOf(lease.endpoint)
    if (place) place.leases--
    if (this.#pump()) return this.#tell()
    if (this.#open) this.#onRoom(this.#open.model)
    if (this.#leases.size > 0) return
    for (const drained of this.#drained) drained()
    if (this.#open && this.#lines.size === 0) this.#tellAfterLull()
    else this.#tell()
  }

  #tellAfterLull(): void {
    if (this.#lull !== undefined) return
    this.#lull = this.#clock.setTimeout(() => {
      this.#lull = undefined
      if (this.#leases.size === 0) this.#tell()
    }, lullMs)
  }

  /** @internal Called by the lease. */
  suspect(endpoint: Endpoint): void {
    const place = this.#placeOf(endpoint)
    if (!place) return
    place.suspectUntil = this.#clock.now() + suspicionMs
    this.#clock.setTimeout(() => {
      this.#pump()
      this.#tell()
    }, suspicionMs)
  }

  #placeOf({ incarnation }: Endpoint): OpenEndpoint | undefined {
    if (!this.#open) return undefined
    for (const place of this.#open.endpoints) {
      if (place.endpoint.incarnation === incarnation) return place
    }
    return undefined
  }

  #roomOf({ maxInFlight }: Endpoint): number {
    return (this.#open && this.#maxInFlight(this.#open.model)) ?? maxInFlight
  }

  #roomiest(): OpenEndpoint | undefined {
    let best: OpenEndpoint | undefined
    for (const place of this.#open?.endpoints ?? []) {
      if (place.leases >= this.#roomOf(place.endpoint)) continue
      if (place.suspectUntil !== -Infinity && place.suspectUntil > this.#clock.now()) continue
      if (!best || place.leases < best.leases) best = place
    }
    return best
  }

  /**
   * Only edges are told: with many leases out, one more or less changes nothing for the chart, nor does who
   * is first in line for what is open while nobody wants anything else. How many wait for a model that
   * is not open matters to policies, but to about a fifth: ten thousand who come at once are some
   * fifty edges.
   */
  #tell(): void {
    const demand = this.demand()
    const open = this.#open?.model
    const isContested = demand.waiting.some(({ model }) => model !== open)
    const lines = demand.waiting.map(({ model, oldestAt, owed, weight }) => {
      if (!isContested) return model
      const many = model === open ? '' : Math.floor(4 * Math.log2(weight))
      return `${model}:${oldestAt}:${owed > 0}:${many}`
    })
    const edge = `${demand.openFor}|${demand.leases > 0}|${lines.join('|')}`
    if (edge === this.#told) return
    this.#told = edge
    this.#toldInUse = demand.leases > 0
    this.#onDemand(demand)
  }
}

/** Who comes back with an older arrival than the first in line is not behind that line. */
function isAhead(request: AdmissionRequest, line: WaitingLine): boolean {
  const head = line.head
  return head !== undefined && request.arrivedAt < head.request.arrivedAt
}

/** A class, as each is created on the hot path and has identity and a life time. */
class GateLease implements Lease {
  readonly request: AdmissionRequest
  readonly backend: string
  readonly endpoint: Endpoint
  readonly waitedMs: number
  onCut: Lease['onCut'] = undefined
  readonly #gate: Gate

  constructor(
    request: AdmissionRequest,
    backend: string,
    endpoint: Endpoint,
    waitedMs: number,
    gate: Gate,
  ) {
    this.request = request
    this.backend = backend
    this.endpoint = endpoint
    this.waitedMs = waitedMs
    this.#gate = gate
  }

  release(): void {
    this.#gate.giveBack(this)
  }

  suspect(): void {
    this.#gate.suspect(this.endpoint)
  }
}
