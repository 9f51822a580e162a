/** What the driver logs to; a pino logger is one. Messages carry no prompt and no key. */
export interface DriverLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** One backend of this machine: a place for one process group at a time. */
export interface ProcessBackend {
  /** Program and its first arguments, such as `['vllm', 'serve']`; the model's arguments follow. */
  readonly command: readonly string[]
  /** Becomes `CUDA_VISIBLE_DEVICES`: `0`, `0,1`, `GPU-…`; unset leaves what the program itself has. */
  readonly gpus?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** How one model is launched; the composition derives it from the catalogue. */
export interface LaunchPlan {
  /** Everything but host and port, which the driver adds. */
  readonly arguments: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly revision: string
  /** Leases one endpoint of it takes at once. */
  readonly maxInFlight: number
  /** Replaces the backend's command for this model. */
  readonly command?: readonly string[] | undefined
  /** The model's name and its aliases: what `/v1/models` should list. */
  readonly servedNames: readonly string[]
}

export interface ProcessDriverOptions {
  /** Folder for the state files and the instance lock; made where it is missing. One program at a time. */
  readonly stateDir: string
  readonly backends: ReadonlyMap<string, ProcessBackend> | Readonly<Record<string, ProcessBackend>>
  /** Undefined: the model has left the catalogue. */
  readonly modelOf: (name: string) => LaunchPlan | undefined
  /** From SIGTERM to SIGKILL, ms. */
  readonly terminationGraceMs: number
  /** From one readiness probe to the next, ms; default 100. */
  readonly probeIntervalMs?: number
  /** For each readiness probe by itself, ms; default 2000. */
  readonly probeTimeoutMs?: number
  /** The key of the backends: passed to them as `VLLM_API_KEY`, never as an argument. */
  readonly backendApiKey?: string | undefined
  readonly log: DriverLog
  /** Each line a backend writes, as it comes. */
  readonly onLogLine?: ((backend: string, line: string) => void) | undefined
  /** The program's own environment; default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Finds a port on 127.0.0.1 that is free now; default asks the kernel. */
  readonly choosePort?: (() => Promise<number>) | undefined
}

export const defaultProbeIntervalMs = 100
/** vLLM answers `/health` from a busy event loop while it warms up; a second is sometimes too short. */
export const defaultProbeTimeoutMs = 2000
