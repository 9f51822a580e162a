import { ApiFault } from '../drivers/kubernetes/index.ts'
import { InstallationFailed } from './failure.ts'

/** What the API server refuses is said in its words, with what to do. */
export async function inWords<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof ApiFault)) throw error
    throw new InstallationFailed(`${error.message}${hint(error)}`, { cause: error })
  }
}

function hint({ code, conflicts, message }: ApiFault): string {
  if (conflicts.length > 0) return '; --force takes them over'
  if (code === 403) return '; ask somebody who may, or leave that part out (`--help` says how)'
  if (code === 404 && message.includes('ServiceMonitor'))
    return '; the Prometheus operator is not installed: leave out --service-monitor'
  return ''
}
