import type {
  CoreV1Event,
  KubernetesObject,
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1Ingress,
  V1Lease,
  V1LimitRange,
  V1Namespace,
  V1NetworkPolicy,
  V1Node,
  V1ObjectMeta,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1ReplicaSet,
  V1ResourceQuota,
  V1Role,
  V1RoleBinding,
  V1Secret,
  V1Service,
  V1ServiceAccount,
} from '@kubernetes/client-node'

/** A VLLMModel as the API has it, valid or not. */
export interface VllmModelObject extends KubernetesObject {
  readonly metadata: V1ObjectMeta
  readonly spec?: unknown
  readonly status?: unknown
}

/** Kinds that the program deals with. */
export interface Objects {
  ConfigMap: V1ConfigMap
  CustomResourceDefinition: V1CustomResourceDefinition
  Deployment: V1Deployment
  Event: CoreV1Event
  Ingress: V1Ingress
  Lease: V1Lease
  LimitRange: V1LimitRange
  Namespace: V1Namespace
  NetworkPolicy: V1NetworkPolicy
  Node: V1Node
  PersistentVolumeClaim: V1PersistentVolumeClaim
  Pod: V1Pod
  PodDisruptionBudget: V1PodDisruptionBudget
  ReplicaSet: V1ReplicaSet
  ResourceQuota: V1ResourceQuota
  Role: V1Role
  RoleBinding: V1RoleBinding
  Secret: V1Secret
  Service: V1Service
  ServiceAccount: V1ServiceAccount
  ServiceMonitor: KubernetesObject
  VLLMModel: VllmModelObject
}

export type Kind = keyof Objects

interface Place {
  /** `v1`, or group and version. */
  readonly apiVersion: string
  readonly plural: string
  readonly isClusterWide?: true
}

export const kinds: Readonly<Record<Kind, Place>> = {
  ConfigMap: { apiVersion: 'v1', plural: 'configmaps' },
  CustomResourceDefinition: {
    apiVersion: 'apiextensions.k8s.io/v1',
    plural: 'customresourcedefinitions',
    isClusterWide: true,
  },
  Deployment: { apiVersion: 'apps/v1', plural: 'deployments' },
  Event: { apiVersion: 'v1', plural: 'events' },
  Ingress: { apiVersion: 'networking.k8s.io/v1', plural: 'ingresses' },
  Lease: { apiVersion: 'coordination.k8s.io/v1', plural: 'leases' },
  LimitRange: { apiVersion: 'v1', plural: 'limitranges' },
  Namespace: { apiVersion: 'v1', plural: 'namespaces', isClusterWide: true },
  NetworkPolicy: { apiVersion: 'networking.k8s.io/v1', plural: 'networkpolicies' },
  Node: { apiVersion: 'v1', plural: 'nodes', isClusterWide: true },
  PersistentVolumeClaim: { apiVersion: 'v1', plural: 'persistentvolumeclaims' },
  Pod: { apiVersion: 'v1', plural: 'pods' },
  PodDisruptionBudget: { apiVersion: 'policy/v1', plural: 'poddisruptionbudgets' },
  ReplicaSet: { apiVersion: 'apps/v1', plural: 'replicasets' },
  ResourceQuota: { apiVersion: 'v1', plural: 'resourcequotas' },
  Role: { apiVersion: 'rbac.authorization.k8s.io/v1', plural: 'roles' },
  RoleBinding: { apiVersion: 'rbac.authorization.k8s.io/v1', plural: 'rolebindings' },
  Secret: { apiVersion: 'v1', plural: 'secrets' },
  Service: { apiVersion: 'v1', plural: 'services' },
  ServiceAccount: { apiVersion: 'v1', plural: 'serviceaccounts' },
  ServiceMonitor: { apiVersion: 'monitoring.coreos.com/v1', plural: 'servicemonitors' },
  VLLMModel: { apiVersion: 'vllm.efortin.github.io/v1alpha1', plural: 'vllmmodels' },
}

/** `/apis/apps/v1/namespaces/ai/deployments/vllm/scale`; an object's own apiVersion goes before the table's. */
export function pathOf(
  kind: Kind,
  namespace: string,
  {
    name,
    subresource,
    apiVersion,
  }: { name?: string; subresource?: string; apiVersion?: string } = {},
): string {
  const place = kinds[kind]
  const version = apiVersion ?? place.apiVersion
  const parts = [version.includes('/') ? `apis/${version}` : `api/${version}`]
  if (!place.isClusterWide) parts.push('namespaces', encodeURIComponent(namespace))
  parts.push(place.plural)
  if (name !== undefined) parts.push(encodeURIComponent(name))
  if (subresource !== undefined) parts.push(subresource)
  return `/${parts.join('/')}`
}

/** @throws where the object is of a kind that is not in the table */
export function kindOf({ kind }: KubernetesObject): Kind {
  if (kind !== undefined && Object.hasOwn(kinds, kind)) return kind as Kind
  throw new Error(`objects of kind ${String(kind)} are not dealt with`)
}
