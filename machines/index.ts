export type * from './types.ts'
export * from './driver.ts'
export * from './switch-policy.ts'
export {
  defaultBackendSettings,
  type BackendContext,
  type BackendEvent,
  type BackendFact,
  type BackendInput,
  type BackendSettings,
  type Demand,
  type Models,
} from './backend-context.ts'
export { crowdedAt, nextModel } from './turns.ts'
export { isKeptWarm } from './warmth.ts'
export { backendMachine } from './backend.ts'
export type { AdmissionInput } from './backend-vocabulary.ts'
export { claimsOf, holdersOf, poolMachine, type PoolDefinition } from './gpu-pool.ts'
export {
  roomCostMs,
  shareGpus,
  type Claim,
  type Holder,
  type Share,
  type ShareQuestion,
} from './gpu-share.ts'
export {
  chooseBackend,
  chooseCopy,
  isInLine,
  turnCostMs,
  type BackendView,
  type Choice,
} from './choose-backend.ts'
export { fleetMachine, type BackendDefinition, type FleetEvent, type FleetFact } from './fleet.ts'
