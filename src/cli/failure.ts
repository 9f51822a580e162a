/** The command was understood and did not work: one sentence for the person, exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly exitCode = 1
  /** What `--json` prints of it, beside the sentence on standard error. */
  readonly told: object | undefined

  constructor(message: string, { told, ...options }: ErrorOptions & { told?: object } = {}) {
    super(message, options)
    this.told = told
  }
}

/** Somebody did not want to wait for its end: the exit code that goes with the signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly exitCode = 2
}
