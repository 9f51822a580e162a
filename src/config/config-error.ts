/** The configuration cannot be used; every problem found is listed, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** Of the process: the command line, or what stands behind it, was not understood. */
  readonly exitCode = 2
  /** One sentence each: where, what was given, what to do. Secret values are never quoted. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}
