export { ChillError, errorCodes, type ErrorCode } from './chill-error.ts'
