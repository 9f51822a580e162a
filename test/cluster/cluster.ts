import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from './control-plane/index.ts'
import { type GpuNode, type GpuNodeOptions, startGpuNode } from './node/index.ts'

export interface Cluster {
  readonly plane: ControlPlane
  readonly node: GpuNode
  stop(): Promise<void>
}

/** A control plane with one GPU node: what most tests start. */
export async function startCluster(
  options: ControlPlaneOptions & { readonly node?: GpuNodeOptions } = {},
): Promise<Cluster> {
  const plane = await startControlPlane(options)
  try {
    const node = await startGpuNode(plane, options.node)
    return {
      plane,
      node,
      async stop() {
        await node.stop()
        await plane.stop()
      },
    }
  } catch (error) {
    await plane.stop()
    throw error
  }
}
