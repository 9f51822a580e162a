export { asChillError } from './defect.ts'
export { createLog, logHarmless, type Log, type LogLevel, type LogOptions } from './log.ts'
export { requestIdOf } from './request-id.ts'
export { secretName, withoutSecretWords } from './secret-words.ts'
