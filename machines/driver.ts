import type { EngineLoad, Endpoint, Observed, Sight, StartFailure, StartOrder } from './types.ts'

/** What a start says while it works; drives progress, logs and the cold-start phases. */
export type StartPhase = 'resources' | 'scheduling' | 'image' | 'process' | 'loading'

/**
 * `detail`: what it waits for there, in words, where that is unusual. `isShort`: for GPUs, which another
 * backend of this program may hold.
 */
export type OnPhase = (phase: StartPhase, detail?: string, isShort?: boolean) => void

/** A start that cannot work; anything else a driver throws counts as reason `unknown`. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly failure: StartFailure

  constructor(failure: StartFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/** A verified backend: its own `/v1/models` named the model. */
export interface Started {
  readonly endpoints: readonly Endpoint[]
  /** Revision of the manifest that was really started, which may be newer than the order's. */
  readonly revision: string
}

/** A replica went away while the backend was ready. */
export interface ReplicaLost {
  /** One sentence: exit code or signal, and the last log line. */
  readonly message: string
  /** True where the platform brings another one up by itself (a Deployment does). */
  readonly replaced: boolean
}

/** How somebody wants to read what a backend itself wrote. */
export interface LogReading {
  /** At most so many of the last lines. */
  readonly lines: number
  /** Then each further one as it comes, also of later starts. */
  readonly follow: boolean
}

/**
 * How a backend's world is changed and watched. The host turns each of these into a named actor of
 * the chart; a driver keeps no decisions, it does what it is told and says what it sees.
 */
export interface Driver {
  readonly name: 'process' | 'kubernetes'
  /** True: backends end with the program. False: they stay up and are found again. */
  readonly stopsWithProgram: boolean
  /** What is there at start-up; whatever a dead predecessor left and cannot be taken over is ended first. */
  observe(backend: string): Promise<Observed>
  /**
   * Only in a world that others act in too. Tells the whole sight at once and after each change, and
   * always before a loss that it explains is told, and before a `stop` resolves: the last sight is then
   * that nothing is there. Until the first one, a program of such a driver leads nothing.
   */
  follow?(backend: string, onSight: (sight: Sight) => void): () => void
  /** Who may change this world now, where that can be another program. */
  leader?(): string | undefined
  /** Everything but the replica: files, ports, ConfigMap, Service, Deployment. Rejects with StartError. */
  ensureResources(order: StartOrder, signal: AbortSignal): Promise<void>
  /**
   * Replicas up, until a ready endpoint's `/v1/models` names the model. Rejects with StartError as soon
   * as it is known that it cannot work. On abort it stops waiting; `stop` frees what was begun.
   */
  start(order: StartOrder, signal: AbortSignal, onPhase: OnPhase): Promise<Started>
  /** While ready. Calls `onLost` at once if it is lost already; returns the way to stop watching. */
  watch(backend: string, onLost: (lost: ReplicaLost) => void): () => void
  /** The engine's own running + waiting; undefined where it does not say. */
  engineLoad(backend: string, signal: AbortSignal): Promise<EngineLoad | undefined>
  /** What it wrote, oldest line first, until the signal aborts; where that can be known. */
  readLog?(backend: string, reading: LogReading, signal: AbortSignal): AsyncIterable<string>
  /** Replicas down; resolves when they are really gone, so that the GPU is free. Safe to repeat. */
  stop(backend: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
