import { readFileSync } from 'node:fs'
import { CustomResourceDefinition } from 'kubernetes-models/apiextensions.k8s.io/v1/CustomResourceDefinition'
import { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { Role } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import { RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { Service } from 'kubernetes-models/v1/Service'
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'
import type { V1ConfigMap, V1Deployment, V1Ingress, V1Role } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'
import { loadSettings } from '../../../src/config/index.ts'
import { installationManifests, type Manifest } from '../../../src/installation/index.ts'
import { matchRoute } from '../../../src/proxy/routes.ts'
import { everything, planOf, type Given } from './plans.ts'

const schemas = {
  ConfigMap,
  CustomResourceDefinition,
  Deployment,
  Ingress,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Role,
  RoleBinding,
  Service,
  ServiceAccount,
  ServiceMonitor,
}

const manifestsOf = (given: Given = {}) => installationManifests(planOf(given))
const kindsOf = (given: Given = {}) => manifestsOf(given).map(({ kind }) => kind)

function one(kind: string, given: Given = {}): Manifest {
  const found = manifestsOf(given).filter((manifest) => manifest.kind === kind)
  expect(found).toHaveLength(1)
  return found[0]!
}

const deployment = (given: Given = {}) => one('Deployment', given) as V1Deployment

const program = (given: Given = {}) => deployment(given).spec!.template.spec!
const container = (given: Given = {}) => program(given).containers[0]!

/** Every path of the proxy's list. */
const forwarded = Array.from(
  readFileSync('src/proxy/routes.ts', 'utf8').matchAll(/'(\/[^']+)'/g),
  ([, path]) => path!,
).filter((path) => matchRoute(path) !== undefined)

const variants: Record<string, Given> = {
  'as by default': {},
  'with everything': { own: everything, flags: { idleTimeout: '1h', enableModelSwitch: true } },
  'with a port of the operators': { flags: { operationsPort: '9000', port: '8000' } },
  'for a new server': { own: { ...everything, kubeVersion: '1.31' } },
}

describe('the manifests of an installation', () => {
  it('are what it needs, each after what it needs itself', () => {
    expect(kindsOf()).toEqual([
      'Namespace',
      'CustomResourceDefinition',
      'ServiceAccount',
      'Role',
      'RoleBinding',
      'Service',
      'Deployment',
    ])
    expect(kindsOf({ own: everything, flags: { idleTimeout: '1h' } })).toEqual([
      'Namespace',
      'CustomResourceDefinition',
      'ServiceAccount',
      'Role',
      'RoleBinding',
      'NetworkPolicy',
      'ConfigMap',
      'Service',
      'Deployment',
      'PodDisruptionBudget',
      'Ingress',
      'ServiceMonitor',
    ])
  })

  it('leave out what somebody else takes care of', () => {
    const kinds = kindsOf({ own: { crd: false, createNamespace: false } })
    expect(kinds).not.toContain('CustomResourceDefinition')
    expect(kinds).not.toContain('Namespace')
  })

  it.each(Object.entries(variants))('are valid by their schemas: %s', (_, given) => {
    for (const manifest of manifestsOf(given)) {
      const Schema = schemas[manifest.kind as keyof typeof schemas] as unknown as new (
        data: unknown,
      ) => { apiVersion: string; validate(): void }
      const checked = new Schema(structuredClone(manifest))
      expect(() => checked.validate(), manifest.kind).not.toThrow()
      expect(checked.apiVersion).toBe(manifest.apiVersion)
    }
  })

  it('are in the namespace and say whose they are', () => {
    const ours = manifestsOf({ own: everything, flags: { namespace: 'models' } }).filter(
      ({ kind }) => kind !== 'Namespace' && kind !== 'CustomResourceDefinition',
    )
    for (const { metadata } of ours) {
      expect(metadata.namespace).toBe('models')
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'vllm-chill',
        'app.kubernetes.io/instance': 'vllm-chill',
        'app.kubernetes.io/managed-by': 'vllm-chill',
      })
      expect(metadata.annotations).toMatchObject({
        'vllm-chill.efortin.github.io/installation': 'models/vllm-chill',
      })
    }
  })

  it('take the namespace from the environment too, and nothing else', () => {
    const given = { env: { VLLM_NAMESPACE: 'models', PORT: '9999', VLLM_CHILL_API_KEYS: 'k' } }
    expect(one('Service', given).metadata.namespace).toBe('models')
    expect(container(given).ports?.[0]?.containerPort).toBe(8080)
  })

  it('use old words for an old server, and rules for a new one', () => {
    const budget = (kubeVersion: string) =>
      one('PodDisruptionBudget', { own: { podDisruptionBudget: true, kubeVersion } }).apiVersion
    expect(budget('1.20')).toBe('policy/v1beta1')
    expect(budget('1.21')).toBe('policy/v1')
    const crd = (kubeVersion?: string) =>
      JSON.stringify(one('CustomResourceDefinition', { own: { kubeVersion } }))
    expect(crd('v1.25.3')).toContain('x-kubernetes-validations')
    expect(crd('1.24')).not.toContain('x-kubernetes-validations')
    expect(crd()).not.toContain('x-kubernetes-validations')
  })
})

describe('the program', () => {
  it('runs with no rights but those of its Role', () => {
    const pod = program()
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(pod.securityContext?.runAsUser).toBeGreaterThan(0)
    expect(container().securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.serviceAccountName).toBe('vllm-chill')
  })

  it('is replaced without a gap', () => {
    const { spec } = deployment()
    expect(spec?.strategy).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    })
    expect(container().readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'http' })
    expect(container().livenessProbe?.httpGet).toEqual({ path: '/health', port: 'http' })
  })

  it('may take as long to end as its settings let it drain', () => {
    const grace = (flags: Record<string, string>) =>
      program({ flags }).terminationGracePeriodSeconds
    expect(grace({ drainDeadlineAction: 'cut', drainDeadline: '2m', shutdownDelay: '5s' })).toBe(
      140,
    )
    // Without `cut`, what is in flight runs to its end.
    expect(grace({ drainDeadline: '2m', shutdownDelay: '5s' })).toBe(3620)
    expect(grace({ drainDeadline: '2h', shutdownDelay: '0s' })).toBe(7215)
  })

  it('has memory for the requests that may wait', () => {
    const limit = (flags = {}) => container({ flags }).resources?.limits?.['memory']
    expect(limit()).toBe('1024Mi')
    expect(limit({ maxHeldBytes: '1GiB' })).toBe('2560Mi')
  })

  it('is the release that made the manifests, unless another image is named', () => {
    expect(container().image).toBe('ghcr.io/efortin/vllm-chill:1.2.3')
    expect(container({ own: { programImage: 'registry:5000/chill:x' } }).image).toBe(
      'registry:5000/chill:x',
    )
    expect(program({ own: { programPullSecret: ['a', 'b'] } }).imagePullSecrets).toEqual([
      { name: 'a' },
      { name: 'b' },
    ])
  })

  it('listens where the Service leads to', () => {
    const flags = { port: '8000', operationsPort: '9000' }
    expect(container({ flags }).ports).toMatchObject([
      { name: 'http', containerPort: 8000 },
      { name: 'operations', containerPort: 9000 },
    ])
    expect(one('Service', { flags }).spec).toMatchObject({
      ports: [
        { name: 'http', port: 80, targetPort: 'http' },
        { name: 'operations', port: 9000, targetPort: 'operations' },
      ],
    })
  })
})

describe('the Role', () => {
  const portForward = (given: Given) =>
    (one('Role', given) as V1Role).rules?.find(({ resources }) =>
      resources?.includes('pods/portforward'),
    )

  it('lets a port be forwarded only where that was asked for', () => {
    expect(portForward({ flags: { endpointMode: 'service' } })).toBeUndefined()
    expect(portForward({ own: { portForward: true } })?.verbs).toEqual(['get', 'create'])
  })
})

describe('the configuration of the program', () => {
  const file = 'idleTimeout: 2m\nbackends:\n  - name: big\n    models: [a, b]\nnamespace: models\n'
  const textOf = (given: Given) => (one('ConfigMap', given) as V1ConfigMap).data ?? {}

  it('is what flags and file say, without what says where the cluster is', () => {
    const flags = { enableModelSwitch: true, idleTimeout: '90s', maxHeld: '12', context: 'prod' }
    const text = Object.values(textOf({ file, flags }))[0]!
    expect(parse(text)).toEqual({
      idleTimeout: '1m30s',
      enableModelSwitch: true,
      maxHeld: 12,
      backends: [{ name: 'big', models: ['a', 'b'] }],
    })
  })

  it('says flags as a file would: Secrets as name/key, pods as a map', () => {
    const flags = { pod: '{shmSize: 8Gi}', apiKeySecret: 'vllm-keys/key', maxWait: '90s' }
    const text = Object.values(textOf({ flags }))[0]!
    expect(parse(text)).toEqual({
      maxWait: '1m30s',
      pod: { shmSize: '8Gi' },
      apiKeySecret: 'vllm-keys/key',
    })
    expect(container({ flags }).env).toContainEqual({
      name: 'VLLM_CHILL_BACKEND_API_KEY',
      valueFrom: { secretKeyRef: { name: 'vllm-keys', key: 'key' } },
    })
  })

  it('is understood by the program', () => {
    const given = { file, flags: { corsOrigins: 'https://a,https://b', hold: false } }
    const text = Object.values(textOf(given))[0]!
    const settings = loadSettings({
      flags: { config: '/c', driver: 'kubernetes' },
      env: {},
      readFile: () => text,
    })
    expect(settings).toMatchObject({
      idleTimeoutMs: 120_000,
      hold: false,
      corsOrigins: ['https://a', 'https://b'],
      backends: [{ name: 'big' }],
    })
  })

  it('is mounted, and another one is another pod', () => {
    const hash = (idleTimeout: string) =>
      deployment({ flags: { idleTimeout } }).spec?.template.metadata?.annotations
    expect(hash('1m')).not.toEqual(hash('2m'))
    const { env, volumeMounts } = container({ flags: { idleTimeout: '1m' } })
    const place = env?.find(({ name }) => name === 'VLLM_CHILL_CONFIG')?.value
    expect(place).toMatch(new RegExp(`^${volumeMounts?.[0]?.mountPath}/`))
    expect(Object.keys(textOf({ flags: { idleTimeout: '1m' } }))).toEqual([
      place?.split('/').at(-1),
    ])
  })

  it('has no place for secrets and for files of this machine', () => {
    const refusal = (given: Given) => {
      try {
        planOf(given)
      } catch (error) {
        return (error as Error).message
      }
      return 'none'
    }
    expect(refusal({ flags: { apiKeys: 'k-1' } })).toContain('--api-keys-secret')
    expect(refusal({ flags: { operationsToken: 'k-2' } })).toContain('--operations-token-secret')
    expect(refusal({ flags: { backendApiKey: 'k-3' } })).toContain('--api-key-secret')
    expect(refusal({ flags: { models: './m' } })).toContain('models:')
    expect(refusal({ file: 'host: 127.0.0.1' })).toContain('host:')
    expect(refusal({ file: 'driver: process' })).toContain('driver:')
    const env = 'backends:\n  - name: big\n    env: { HF_TOKEN: hf_abc }'
    expect(refusal({ file: env })).toContain('backends[0].env.HF_TOKEN: has the name of a secret')
    for (const secret of ['k-1', 'k-2', 'k-3', 'hf_abc']) {
      const given = { flags: { apiKeys: 'k-1', operationsToken: 'k-2', backendApiKey: 'k-3' } }
      expect(refusal(given) + refusal({ file: env })).not.toContain(secret)
    }
  })

  it('refers to Secrets for keys and tokens', () => {
    const own = { apiKeysSecret: 'client-keys/keys.txt', operationsTokenSecret: 'operators' }
    const pod = program({ own })
    expect(pod.volumes).toMatchObject([
      { secret: { secretName: 'client-keys', items: [{ key: 'keys.txt', path: 'api-keys' }] } },
    ])
    const env = container({ own }).env ?? []
    const keysFile = env.find(({ name }) => name === 'VLLM_CHILL_API_KEYS_FILE')?.value
    expect(keysFile).toBe(`${container({ own }).volumeMounts?.[0]?.mountPath}/api-keys`)
    expect(env).toContainEqual({
      name: 'VLLM_CHILL_OPERATIONS_TOKEN',
      valueFrom: { secretKeyRef: { name: 'operators', key: 'token' } },
    })
  })
})

describe('the ways in', () => {
  it('lead to everything that clients may ask for, and not to the operators', () => {
    const { spec } = one('Ingress', { own: everything }) as V1Ingress
    const [rule] = spec?.rules ?? []
    expect(rule?.host).toBe('llm.example.com')
    const paths = rule?.http?.paths.map(({ path = '' }) => path) ?? []
    const leads = (path: string) =>
      paths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
    expect(forwarded.length).toBeGreaterThan(20)
    expect(forwarded.filter((path) => !leads(path))).toEqual([])
    expect(leads('/proxy/status')).toBe(false)
    expect(spec).toMatchObject({
      ingressClassName: 'nginx',
      tls: [{ hosts: ['llm.example.com'], secretName: 'llm-tls' }],
    })
  })

  it('have the patience of the program', () => {
    const { metadata } = one('Ingress', { own: everything, flags: { bodyLimit: '1MiB' } })
    expect(metadata.annotations).toMatchObject({
      'nginx.ingress.kubernetes.io/proxy-body-size': '1048576',
      'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
    })
  })

  it('let only the program reach vLLM', () => {
    const { spec } = one('NetworkPolicy', { own: { networkPolicy: true } })
    const template = deployment().spec?.template.metadata?.labels
    const policy = spec as {
      podSelector: object
      ingress: { from: { podSelector: { matchLabels: object } }[] }[]
    }
    expect(policy.podSelector).toEqual({ matchLabels: { app: 'vllm' } })
    expect(policy.ingress).toHaveLength(1)
    expect(policy.ingress[0]?.from).toHaveLength(1)
    expect(template).toMatchObject(policy.ingress[0]!.from[0]!.podSelector.matchLabels)
  })

  it('show metrics to Prometheus, with the token where there is one', () => {
    const endpoints = (given: Given) =>
      (one('ServiceMonitor', given).spec as { endpoints: object[] }).endpoints
    expect(endpoints({ own: { serviceMonitor: true } })).toMatchObject([
      { port: 'http', path: '/proxy/metrics' },
    ])
    expect(
      endpoints({
        own: { serviceMonitor: true, operationsTokenSecret: 'operators/token' },
        flags: { operationsPort: '9000' },
      }),
    ).toMatchObject([
      {
        port: 'operations',
        authorization: { credentials: { name: 'operators', key: 'token' } },
      },
    ])
  })
})
