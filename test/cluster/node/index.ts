export { type GpuNode, type GpuNodeOptions, startGpuNode } from './gpu-node.ts'
export type { Misbehaviour, PodMatch } from './misbehaviour.ts'
