export { createEventHub, type EventHub } from './hub.ts'
export type { EventType, StreamEvent } from './types.ts'
