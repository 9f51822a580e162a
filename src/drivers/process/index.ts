export { createProcessDriver, type ProcessDriver } from './driver.ts'
export { StateDirInUseError } from './instance-lock.ts'
export type { DriverLog, LaunchPlan, ProcessBackend, ProcessDriverOptions } from './options.ts'
