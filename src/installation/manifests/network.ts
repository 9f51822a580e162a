import type { V1Ingress, V1IngressRule, V1Service, V1ServicePort } from '@kubernetes/client-node'
import {
  httpPort,
  metadataOf,
  operationsPort,
  selectorLabels,
  vllmLabels,
  type IngressOptions,
  type InstallationPlan,
  type Manifest,
} from '../plan.ts'

export const servicePort = 80

export function service(plan: InstallationPlan): V1Service {
  const port = (name: string, port: number): V1ServicePort => ({
    name,
    port,
    targetPort: name,
    protocol: 'TCP',
  })
  const { operationsPort: operations } = plan.settings
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(plan),
    spec: {
      type: 'ClusterIP',
      selector: selectorLabels(plan),
      ports: [
        port(httpPort, servicePort),
        ...(operations === undefined ? [] : [port(operationsPort, operations)]),
      ],
    },
  }
}

/** What is below `/proxy` is left inside the cluster. */
export const publicPaths = [
  '/v1',
  '/v2',
  '/inference/v1',
  '/rerank',
  '/score',
  '/classify',
  '/pooling',
  '/generative_scoring',
  '/tokenize',
  '/detokenize',
  '/invocations',
]

export function ingress(plan: InstallationPlan, options: IngressOptions): V1Ingress {
  const { host, className, tlsSecret } = options
  const backend = { service: { name: plan.name, port: { name: httpPort } } }
  const paths = publicPaths.map((path) => ({ path, pathType: 'Prefix', backend }))
  const rule: V1IngressRule = { host, http: { paths } }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadataOf(plan, { annotations: patience(plan) }),
    spec: {
      ...(className !== undefined && { ingressClassName: className }),
      ...(tlsSecret !== undefined && { tls: [{ hosts: [host], secretName: tlsSecret }] }),
      rules: [rule],
    },
  }
}

/**
 * Of the ingress controller that would otherwise give up after 60 s without a byte, refuse bodies over
 * 1 MiB and collect streams. Others do not read these.
 */
function patience({ settings }: InstallationPlan): Record<string, string> {
  const prefix = 'nginx.ingress.kubernetes.io'
  return {
    [`${prefix}/proxy-body-size`]: String(settings.bodyLimitBytes),
    [`${prefix}/proxy-buffering`]: 'off',
    [`${prefix}/proxy-read-timeout`]: '3600',
    [`${prefix}/proxy-request-buffering`]: 'off',
    [`${prefix}/proxy-send-timeout`]: '3600',
  }
}

/**
 * vLLM asks for a key below some paths only, so nobody but the proxy should reach it. As it stands on the
 * wire: client-node's class calls `from` otherwise.
 */
export function networkPolicy(plan: InstallationPlan): Manifest {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(plan, { name: `${plan.name}-only` }),
    spec: {
      podSelector: { matchLabels: vllmLabels },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: selectorLabels(plan) } }] }],
    },
  }
}
