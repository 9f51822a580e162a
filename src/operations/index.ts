export { mayChange, type AccessRules } from './access.ts'
export { createOperationsApp, mountOperations, type OperationsOptions } from './routes.ts'
export type {
  BackendStatus,
  CommandAnswer,
  CancelAnswer,
  EventReading,
  EventsView,
  FleetView,
  HistoryAnswer,
  RequestsAnswer,
  MetricsView,
  ModelsAnswer,
  ModelStatus,
  StartFailureStatus,
  StatusAnswer,
} from './types.ts'
