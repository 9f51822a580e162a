export { createOperationsApp, mountOperations, type OperationsOptions } from './routes.ts'
export type {
  BackendStatus,
  CommandAnswer,
  EventReading,
  EventsView,
  FleetView,
  MetricsView,
  ModelsAnswer,
  ModelStatus,
  StartFailureStatus,
  StatusAnswer,
} from './types.ts'
