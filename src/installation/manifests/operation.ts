import type { V1PodDisruptionBudget } from '@kubernetes/client-node'
import {
  httpPort,
  metadataOf,
  operationsPort,
  selectorLabels,
  type InstallationPlan,
  type Manifest,
} from '../plan.ts'

/** Kept by uninstalling: it may hold more than ours. */
export function namespaceObject(plan: InstallationPlan): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: plan.namespace },
  }
}

/** With one replica, draining its node waits until somebody moves it (`kubectl rollout restart`). */
export function podDisruptionBudget(plan: InstallationPlan): V1PodDisruptionBudget {
  // Servers before 1.21 know only the beta, those from 1.25 on know it no more.
  const isOld = plan.serverMinor !== undefined && plan.serverMinor < 21
  return {
    apiVersion: isOld ? 'policy/v1beta1' : 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(plan),
    spec: { minAvailable: 1, selector: { matchLabels: selectorLabels(plan) } },
  }
}

/** For the Prometheus operator. */
export function serviceMonitor(plan: InstallationPlan): Manifest {
  const { settings, operationsTokenSecret } = plan
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: metadataOf(plan),
    spec: {
      selector: { matchLabels: selectorLabels(plan) },
      endpoints: [
        {
          port: settings.operationsPort === undefined ? httpPort : operationsPort,
          path: '/proxy/metrics',
          interval: '15s',
          ...(operationsTokenSecret !== undefined && {
            authorization: { credentials: operationsTokenSecret },
          }),
        },
      ],
    },
  }
}
