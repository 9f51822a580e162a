export { hasEnded, lookAtPods } from './look.ts'
export type { AutoscalerSays, PodFailure, PodSight, PodWorld, ReadyPod } from './types.ts'
