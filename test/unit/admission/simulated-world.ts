import {
  StartError,
  type Driver,
  type EngineLoad,
  type Observed,
  type ReplicaLost,
  type Started,
  type StartOrder,
} from '../../../machines/index.ts'

export interface SimulatedProcess {
  readonly backend: string
  readonly model: string
  readonly incarnation: string
  state: 'loading' | 'ready' | 'stopping' | 'dead'
}

interface Pending<T> {
  readonly backend: string
  readonly aborted: () => boolean
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * The world of a fake driver: what is begun stays pending until the test lets it happen, so any
 * interleaving can be played. It checks what only the world can see: one process per GPU, and no
 * process stopped under a request.
 */
export class SimulatedWorld implements Driver {
  readonly name = 'process'
  readonly stopsWithProgram = true
  readonly processes = new Map<string, SimulatedProcess>()
  readonly starts: (Pending<Started> & { order: StartOrder; incarnation: string })[] = []
  readonly stops: Pending<void>[] = []
  readonly watchers = new Map<string, (lost: ReplicaLost) => void>()
  readonly engine = new Map<string, EngineLoad>()
  readonly violations: string[] = []
  readonly began: StartOrder[] = []
  /** What each backend was given at its last start. */
  readonly devices = new Map<string, readonly string[]>()
  maxInFlight = 2
  /** GPUs that all of them share; none are counted unless given. */
  gpus = Infinity
  gpusOf: (backend: string) => number = () => 1
  revisionOf: (model: string) => string = () => '1'
  /** Requests that hold a lease on an incarnation now; the test knows. */
  leasesOn: (incarnation: string) => number = () => 0
  onStart: (order: StartOrder) => void = () => {}
  #count = 0

  observe(): Promise<Observed> {
    return Promise.resolve({ found: 'nothing' })
  }

  ensureResources(): Promise<void> {
    return Promise.resolve()
  }

  start(order: StartOrder, signal: AbortSignal): Promise<Started> {
    this.began.push(order)
    this.onStart(order)
    const there = this.processes.get(order.backend)
    if (there) {
      this.violations.push(`${order.backend}: ${order.model.name} started beside ${there.model}`)
    }
    const incarnation = `p${++this.#count}`
    const held = [...this.processes.keys(), order.backend]
      .map((backend) => this.gpusOf(backend))
      .reduce((sum, each) => sum + each, 0)
    if (held > this.gpus) {
      this.violations.push(`${order.backend} started: ${held} GPUs are held of ${this.gpus}`)
    }
    const { devices } = order
    const others = [...this.devices].filter(([backend]) => this.processes.has(backend))
    for (const [other, taken] of others) {
      const both = taken.filter((device) => devices?.includes(device))
      if (both.length > 0)
        this.violations.push(`${order.backend} and ${other} both on ${both.join()}`)
    }
    this.devices.set(order.backend, devices ?? [])
    if (devices && devices.length !== this.gpusOf(order.backend)) {
      this.violations.push(`${order.backend} was given the devices ${devices.join()}`)
    }
    this.processes.set(order.backend, {
      backend: order.backend,
      model: order.model.name,
      incarnation,
      state: 'loading',
    })
    return new Promise((resolve, reject) => {
      this.starts.push({
        backend: order.backend,
        order,
        incarnation,
        aborted: () => signal.aborted,
        resolve,
        reject,
      })
    })
  }

  /** Lets the oldest start of a backend become ready; an abandoned one answers late. */
  finishStart(backend: string): boolean {
    const start = this.#take(this.starts, backend)
    if (!start) return false
    const process = this.processes.get(backend)
    if (process?.incarnation === start.incarnation && process.state === 'loading') {
      process.state = 'ready'
    }
    start.resolve({
      endpoints: [
        {
          url: `http://${start.incarnation}`,
          incarnation: start.incarnation,
          maxInFlight: this.maxInFlight,
        },
      ],
      revision: this.revisionOf(start.order.model.name),
    })
    return true
  }

  failStart(backend: string): boolean {
    const start = this.#take(this.starts, backend)
    if (!start) return false
    const process = this.processes.get(backend)
    if (process?.incarnation === start.incarnation) process.state = 'dead'
    start.reject(new StartError({ reason: 'exited', message: 'exited with code 3', log: ['boom'] }))
    return true
  }

  /** A process ends by itself; whoever watches learns at once. */
  die(backend: string): boolean {
    const process = this.processes.get(backend)
    if (!process || process.state === 'dead') return false
    if (process.state === 'loading') return this.failStart(backend)
    process.state = 'dead'
    this.watchers.get(backend)?.({ message: 'killed by SIGKILL', replaced: false })
    return true
  }

  watch(backend: string, onLost: (lost: ReplicaLost) => void): () => void {
    this.watchers.set(backend, onLost)
    if (this.processes.get(backend)?.state !== 'ready') {
      queueMicrotask(() => onLost({ message: 'it was dead already', replaced: false }))
    }
    return () => {
      if (this.watchers.get(backend) === onLost) this.watchers.delete(backend)
    }
  }

  engineLoad(backend: string, _signal: AbortSignal): Promise<EngineLoad | undefined> {
    return Promise.resolve(this.engine.get(backend))
  }

  stop(backend: string, signal: AbortSignal): Promise<void> {
    const process = this.processes.get(backend)
    if (!process) return Promise.resolve()
    if (process.state === 'ready') {
      if (this.leasesOn(process.incarnation) > 0) {
        this.violations.push(`${backend}: ${process.model} stopped under a running request`)
      }
      process.state = 'stopping'
    }
    return new Promise((resolve, reject) => {
      this.stops.push({ backend, aborted: () => signal.aborted, resolve, reject })
    })
  }

  finishStop(backend: string): boolean {
    const stops = this.stops.filter((each) => each.backend === backend)
    if (stops.length === 0) return false
    this.processes.delete(backend)
    this.engine.delete(backend)
    // A stop that was asked for again (it took too long) ends with the same process.
    for (let stop = this.#take(this.stops, backend); stop; stop = this.#take(this.stops, backend)) {
      stop.resolve()
    }
    return true
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #take<T extends { backend: string }>(pending: T[], backend: string): T | undefined {
    const index = pending.findIndex((each) => each.backend === backend)
    return index < 0 ? undefined : pending.splice(index, 1)[0]
  }
}
