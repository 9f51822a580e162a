import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from './control-plane/index.ts'
import { keepAudit } from './rights.ts'
import { type GpuNode, type GpuNodeOptions, startGpuNode } from './node/index.ts'

export interface Cluster {
  readonly plane: ControlPlane
  readonly node: GpuNode
  /** Set where the program runs under the RBAC that it ships: what it asked is kept for the end. */
  isAudited: boolean
  stop(): Promise<void>
}

/** A control plane with one GPU node: what most tests start. */
export async function startCluster(
  options: ControlPlaneOptions & { readonly node?: GpuNodeOptions } = {},
): Promise<Cluster> {
  const plane = await startControlPlane(options)
  try {
    const node = await startGpuNode(plane, options.node)
    const cluster: Cluster = {
      plane,
      node,
      isAudited: false,
      async stop() {
        if (cluster.isAudited) await keepAudit(await plane.auditLog())
        await node.stop()
        await plane.stop()
      },
    }
    return cluster
  } catch (error) {
    await plane.stop()
    throw error
  }
}
