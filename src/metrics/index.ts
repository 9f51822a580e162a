export { definitions, type Definition } from './definitions.ts'
export type { Exposition } from './exposition.ts'
export type { GpuCount } from './gpu-time.ts'
export { createMetrics, type Metrics, type MetricsOptions } from './metrics.ts'
