/** What admission must be told. Times in ms, sizes in bytes; the reasons stand in the config schema. */
export interface AdmissionSettings {
  /** False: whoever would have to wait is answered `model_loading` at once, and the load still starts. */
  readonly hold: boolean
  readonly maxHeldPerModel: number
  readonly maxHeld: number
  readonly maxHeldBytes: number
  /** Undefined: the model's start timeout + drain deadline + maxWait. */
  readonly waitDeadlineMs: number | undefined
  readonly drainDeadlineMs: number
  readonly maxWaitMs: number
  /** What happens to requests for others while a pinned model is loaded wherever they could be served. */
  readonly whenPinned: 'refuse' | 'wait'
}

/** The part of a pino logger that is used here. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
