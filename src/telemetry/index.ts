export { asChillError } from './defect.ts'
export { createLog, type Log, type LogLevel, type LogOptions } from './log.ts'
export { requestIdOf } from './request-id.ts'
