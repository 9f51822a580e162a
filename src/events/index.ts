export { createEventHub, type EventHub } from './hub.ts'
export { createHistory } from './history.ts'
export type { EventType, FactEvent, StreamEvent } from './types.ts'
