export {
  createApi,
  type Api,
  type ApiOptions,
  type ApplyCall,
  type Call,
  type Review,
  type Scale,
} from './api.ts'
export { connect, type Connection, type ConnectOptions } from './connection.ts'
export { ApiFault, type FieldCause, type FieldConflict } from './fault.ts'
export type { Follower, FollowOptions } from './follower.ts'
export type { Kind, Objects, VllmModelObject } from './kinds.ts'
export type { Forwarded } from './port-forward.ts'
