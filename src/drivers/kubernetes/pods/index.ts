export { hasEnded } from './facts.ts'
export { logPlace, type LogPlace } from './log-place.ts'
export { lookAtPods } from './look.ts'
export type { AutoscalerSays, PodFailure, PodSight, PodWorld, ReadyPod } from './types.ts'
