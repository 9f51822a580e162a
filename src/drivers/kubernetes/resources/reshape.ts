import type { V1Deployment } from '@kubernetes/client-node'

/**
 * A JSON merge patch that leaves nothing of others in the lists of a Deployment of ours. A server-side
 * apply takes no field of others away, and what they have left may contradict ours: two sources of one
 * volume, or the details of another strategy. The server then refuses every apply (422).
 */
export function reshaping({ spec }: V1Deployment): object {
  return {
    spec: {
      strategy: { type: spec?.strategy?.type, rollingUpdate: null },
      template: { spec: spec?.template.spec },
    },
  }
}
