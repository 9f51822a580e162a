/** The command was understood and did not work: one sentence for the person, exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly exitCode = 1
}

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly exitCode = 2
}
