import { StartError } from '../../../machines/index.ts'

/** The cluster, or what is configured for it, stands in the way of a start. */
export function refused(message: string): StartError {
  return new StartError({ reason: 'resources', message })
}
