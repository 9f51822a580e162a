export { startTracing, type Tracing, type TracingLog } from './tracing.ts'
