import type { Endpoint } from '../../machines/index.ts'
import type { ErrorCode } from '../errors/index.ts'

/** What admission must know of a request; never its content. */
export interface AdmissionRequest {
  /** Request id, for the log, `status` and "who blocks a drain". */
  readonly id: string
  /** Served name of the model it asks for (an alias is resolved before). */
  readonly model: string
  /** Route it came on, such as `/v1/chat/completions`. */
  readonly path: string
  /** Bytes of its body that are kept while it waits. */
  readonly bytes: number
  /**
   * Clock of the admission (`Admission.now()`), ms. A request that comes back to the gate (nothing
   * of it was sent, or its backend died before an answer) keeps its first arrival, and so its place.
   */
  readonly arrivedAt: number
  /** Beyond its model's priority; each step doubles what its waiting counts. 0 unless given. */
  readonly priority?: number
}

/** The right of one request to use a ready backend, until `release`. */
export interface Lease {
  readonly request: AdmissionRequest
  readonly backend: string
  readonly endpoint: Endpoint
  /** ms between arrival and this lease; 0 when it did not wait. */
  readonly waitedMs: number
  /** Gives the place back; later calls do nothing. Called once the last byte is out, whatever happened. */
  release(): void
  /**
   * The endpoint refused the connection, or dropped it before a byte of an answer: nobody is sent there
   * for the next second, unless the driver verifies it again sooner. Called before `release`.
   */
  suspect(): void
  /**
   * The forwarder sets it: called when the request must be cut (an explicit setting, a second signal,
   * or an operator). The forwarder then ends both sides and releases. The client is told `backend_died`
   * unless another code is given.
   */
  onCut: ((reason: string, code?: ErrorCode) => void) | undefined
}

/** Where a held request stands; drives SSE comments, `Retry-After` and the page. */
export interface WaitProgress {
  /**
   * State of the backend it waits at, such as `scalingUp` or `switchingModel.draining`; or in words what
   * that one waits for in its turn, where it has no GPU.
   */
  readonly state: string
  /** ms since the backend began what it does now for this model. */
  readonly elapsedMs: number
  /** ms that this model's starts usually take here; undefined before the first. */
  readonly usualMs: number | undefined
  /** Requests for this model ahead of it. */
  readonly ahead: number
}

/**
 * The one place that says yes, wait, or no. All calls throw or reject with a `ChillError`:
 * `queue_full`, `model_loading`, `model_failed`, `model_not_found`, `backend_held`, `shutting_down`.
 */
export interface Admission {
  /** Clock of the actor system, ms; monotonic. */
  now(): number
  /**
   * The warm path, synchronous: a lease when a verified backend of this model is open, has room and
   * nobody waits ahead; undefined when it would have to wait. Starts nothing. Throws when refused.
   */
  tryAcquire(request: AdmissionRequest): Lease | undefined
  /**
   * The way of everybody else: waits in the gate, and makes the fleet load the model. Rejects with the
   * signal's reason when the signal aborts; the request has then left the gate.
   */
  acquire(request: AdmissionRequest, signal: AbortSignal): Promise<Lease>
  /** Whether a backend has it loaded and may admit it, now or as soon as there is room. */
  isLoaded(model: string): boolean
  /** Where requests for this model stand now. */
  progress(model: string): WaitProgress
  /** Leases out and requests waiting now, in all. */
  counts(): { leases: number; waiting: number; waitingBytes: number }
}
