import type { V1PolicyRule } from '@kubernetes/client-node'
import type { Settings } from '../config/index.ts'

/** A verb is listed only if the program really calls it: the cluster tests compare with the audit log. */
export interface Permission {
  /** Empty for the core group. */
  readonly group: string
  /** With its subresource: `deployments/scale`. */
  readonly resource: string
  readonly verbs: readonly string[]
  /** What the program does with it, for the documentation and for `doctor`. */
  readonly why: string
  /** The setting without which it is not needed; undefined: always needed. */
  readonly onlyWith?: 'enableModelSwitch' | 'portForward'
}

/** What the program asks of the API. Role, `doctor` and the table in the documentation are made of it. */
export const permissions: readonly Permission[] = [
  {
    group: 'apps',
    resource: 'deployments',
    verbs: ['get', 'list', 'watch'],
    why: 'follow the Deployment of each backend',
  },
  {
    group: 'apps',
    resource: 'deployments',
    verbs: ['create', 'patch'],
    why: 'make the Deployment of a backend that has none, and let it follow its model',
    onlyWith: 'enableModelSwitch',
  },
  {
    group: 'apps',
    resource: 'deployments/scale',
    verbs: ['get', 'update'],
    why: 'wake and rest a backend',
  },
  {
    group: '',
    resource: 'services',
    verbs: ['list', 'watch'],
    why: 'find the port that vLLM listens on',
  },
  {
    group: '',
    resource: 'services',
    verbs: ['get', 'create', 'patch'],
    why: 'make the Service of a backend, and keep it right',
    onlyWith: 'enableModelSwitch',
  },
  {
    group: '',
    resource: 'configmaps',
    verbs: ['list', 'watch'],
    why: 'know which model a backend was told to load',
  },
  {
    group: '',
    resource: 'configmaps',
    verbs: ['get', 'create', 'patch'],
    why: 'tell a backend which model to load',
    onlyWith: 'enableModelSwitch',
  },
  {
    group: '',
    resource: 'pods',
    verbs: ['list', 'watch'],
    why: 'see pods start, fail, become ready and go',
  },
  {
    group: '',
    resource: 'pods/log',
    verbs: ['get'],
    why: 'say the last log lines of a start that failed, and show operators the log',
  },
  {
    group: '',
    resource: 'pods/portforward',
    // A WebSocket is opened with a GET; from 1.35 on that takes the right to create, too.
    verbs: ['get', 'create'],
    why: 'reach vLLM from outside the cluster',
    onlyWith: 'portForward',
  },
  {
    group: '',
    resource: 'events',
    verbs: ['list'],
    why: 'know whether an autoscaler adds a node for a pod that no node has room for',
  },
  {
    group: '',
    resource: 'events',
    verbs: ['create'],
    why: 'tell on a VLLMModel that it was loaded, unloaded, or failed',
  },
  {
    group: 'coordination.k8s.io',
    resource: 'leases',
    verbs: ['get', 'create', 'update'],
    why: 'agree with other programs on who changes things',
  },
  {
    group: 'vllm.efortin.github.io',
    resource: 'vllmmodels',
    verbs: ['list', 'watch'],
    why: 'know the models',
  },
  {
    group: 'vllm.efortin.github.io',
    resource: 'vllmmodels/status',
    verbs: ['patch'],
    why: 'say in a VLLMModel how it is',
  },
]

/** How an installation is used, as far as its rights depend on that. */
export interface Uses {
  readonly enableModelSwitch: boolean
  /** Never inside the cluster, where pods are reached at their addresses. */
  readonly portForward?: boolean
}

/** What a program with these settings uses. With `auto` pods may be reached at their addresses anywhere. */
export function usesOf(
  { enableModelSwitch, endpointMode }: Pick<Settings, 'enableModelSwitch' | 'endpointMode'>,
  { inCluster }: { readonly inCluster: boolean },
): Uses {
  return { enableModelSwitch, portForward: endpointMode === 'service' && !inCluster }
}

export function permissionsFor(uses: Uses): readonly Permission[] {
  return permissions.filter(({ onlyWith }) => onlyWith === undefined || uses[onlyWith] === true)
}

/** One rule for each resource, in the order of the table. */
export function policyRules(uses: Uses): V1PolicyRule[] {
  const rules = new Map<string, { apiGroups: string[]; resources: string[]; verbs: string[] }>()
  for (const { group, resource, verbs } of permissionsFor(uses)) {
    const key = `${group}/${resource}`
    const rule = rules.get(key) ?? { apiGroups: [group], resources: [resource], verbs: [] }
    rule.verbs.push(...verbs)
    rules.set(key, rule)
  }
  return [...rules.values()]
}
