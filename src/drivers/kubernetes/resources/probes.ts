import type { V1Container, V1Probe } from '@kubernetes/client-node'
import type { BackendPlace } from './types.ts'

/** The longest start timeout that can be configured: what is too long is the chart's to say. */
export const longestStartSeconds = 576 * 3_600

type Probes = Pick<V1Container, 'startupProbe' | 'readinessProbe' | 'livenessProbe'>

const usual = {
  startup: { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: longestStartSeconds },
  readiness: { periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3 },
  // A busy engine is not a dead one: streams are worth more than a quick restart.
  liveness: { periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
} as const

/** `/health` of vLLM answers once the engine serves, and says when it is dead. */
export function probesOf({ probes = {} }: BackendPlace['pod']): Probes {
  const probe = (role: keyof typeof usual): V1Probe | undefined => {
    const own = probes[role]
    if (own === false) return undefined
    return { httpGet: { path: '/health', port: 'http' }, ...usual[role], ...own }
  }
  const [startup, liveness] = [probe('startup'), probe('liveness')]
  return {
    ...(startup && { startupProbe: startup }),
    readinessProbe: probe('readiness')!,
    ...(liveness && { livenessProbe: liveness }),
  }
}
