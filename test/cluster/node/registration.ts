import {
  type CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1NodeCondition,
} from '@kubernetes/client-node'
import { isCode } from './world.ts'

export interface NodeFacts {
  readonly name: string
  readonly address: string
  readonly kubeletPort: number
  /** Capacity, all of it allocatable. */
  readonly resources: Readonly<Record<string, string>>
}

const strategic = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch)

const conditionKinds = {
  ready: { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
  // As the node lifecycle controller writes it when heartbeats stop to come.
  gone: {
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  },
}

/** Makes the node known, or known again, and lets pods be scheduled on it. */
export async function register(core: CoreV1Api, facts: NodeFacts): Promise<void> {
  const { name, address, kubeletPort, resources } = facts
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' }
  await core.createNode({ body: { metadata: { name, labels } } }).catch((error: unknown) => {
    if (!isCode(error, 409)) throw error
  })
  const status = {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    nodeInfo: { kubeletVersion: 'simulated', operatingSystem: 'linux' },
  }
  await core.patchNodeStatus({ name, body: { status } }, strategic)
  await tellCondition(core, name, 'ready')
  // The API server taints what is new as not ready, and a node controller what was gone.
  await core.patchNode(
    { name, body: { spec: { taints: null } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  )
}

export async function tellCondition(
  core: CoreV1Api,
  name: string,
  kind: keyof typeof conditionKinds,
): Promise<void> {
  const now = new Date()
  const ready: V1NodeCondition = { type: 'Ready', ...conditionKinds[kind], lastHeartbeatTime: now }
  const { status } = await core.readNode({ name })
  const before = status?.conditions?.find(({ type }) => type === 'Ready')
  ready.lastTransitionTime = before?.status === ready.status ? before.lastTransitionTime : now
  await core.patchNodeStatus({ name, body: { status: { conditions: [ready] } } }, strategic)
}

/**
 * What the node lifecycle controller does about a silent node. It does not run here: it would take
 * 40 s to notice, and tests want to say when.
 */
export async function declareGone(core: CoreV1Api, name: string): Promise<void> {
  await tellCondition(core, name, 'gone')
  const key = 'node.kubernetes.io/unreachable'
  const taints = ['NoSchedule', 'NoExecute'].map((effect) => ({ key, effect }))
  await core.patchNode({ name, body: { spec: { taints } } }, strategic)
  const { items } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${name}` })
  for (const { metadata } of items) {
    const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date() }]
    const where = { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' }
    await core
      .patchNamespacedPodStatus({ ...where, body: { status: { conditions } } }, strategic)
      .catch((error: unknown) => {
        if (!isCode(error, 404)) throw error
      })
  }
}
