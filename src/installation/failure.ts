/** The cluster did not do what was asked; the message says why, and what to do. */
export class InstallationFailed extends Error {
  override readonly name = 'InstallationFailed'
  readonly exitCode = 1
}
