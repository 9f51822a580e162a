import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { CoreV1Event } from '@kubernetes/client-node'
import { modelApiVersion, modelKind } from '../../../catalogue/index.ts'
import type { VllmModelObject } from '../api/index.ts'

const longestMessage = 1024

/** What `kubectl describe` and `kubectl get events` show of a model. */
export function modelEvent(
  { metadata }: VllmModelObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  now: Date,
): CoreV1Event {
  const { name = '', namespace = '', uid, resourceVersion } = metadata
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(name), namespace },
    involvedObject: {
      apiVersion: modelApiVersion,
      kind: modelKind,
      name,
      namespace,
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    type,
    reason,
    message: message.length > longestMessage ? `${message.slice(0, longestMessage - 1)}…` : message,
    source: { component: 'vllm-chill' },
    reportingComponent: 'vllm-chill',
    reportingInstance: hostname(),
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  }
}

/** Names of objects are at most 253 characters long, and every part of one ends with a letter or digit. */
function eventName(model: string): string {
  const unique = randomBytes(8).toString('hex')
  return `${model.slice(0, 252 - unique.length).replace(/[^a-z0-9]+$/, '')}.${unique}`
}
