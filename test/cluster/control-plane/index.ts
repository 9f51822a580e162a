export type { AuditEvent } from './audit.ts'
export { connect } from './connection.ts'
export { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts'
