import type { StatelyInspectionEvent } from '@statelyai/inspect'

type Fields = Readonly<Record<string, unknown>>

/**
 * What a viewer may see of an inspection event: its kind, who it is of, the state's name, and of context
 * and events only what is listed here. What a backend wrote, and whatever is added later, stays here
 * unless somebody lists it.
 */
export function reduced(event: StatelyInspectionEvent): StatelyInspectionEvent {
  if (event.type === '@xstate.event') return { ...event, event: reducedEvent(event.event) }
  const snapshot = reducedSnapshot(event.snapshot as unknown as Fields | undefined)
  if (event.type === '@xstate.actor') return { ...event, snapshot }
  // XState's type of a snapshot asks for fields that no viewer gets.
  const told = { ...event, event: reducedEvent(event.event), snapshot: snapshot as unknown }
  return told as StatelyInspectionEvent
}

function reducedSnapshot(snapshot: Fields | undefined): Fields {
  const { status = 'active', value, context } = snapshot ?? {}
  return {
    status,
    ...(value !== undefined && { value }),
    ...(isFields(context) && { context: reducedContext(context) }),
  }
}

function reducedContext(context: Fields): Fields {
  if (Array.isArray(context['backends'])) {
    return {
      backends: namesOf(context['backends']),
      models: keysOf(context['models']),
    }
  }
  const { model, demand, failures, because } = context
  return {
    ...picked(context, ['backend', 'generation', 'target', 'wish', 'phase', 'leads']),
    ...picked(context, ['down', 'held']),
    model: isFields(model) ? model['name'] : undefined,
    because: typeof because === 'string' ? withoutReport(because) : undefined,
    demand: reducedDemand(demand),
    failures: isFields(failures)
      ? Object.fromEntries(
          Object.entries(failures).map(([name, failure]) => [
            name,
            picked(failure, ['reason', 'attempts']),
          ]),
        )
      : {},
  }
}

const events: Readonly<Record<string, (event: Fields) => Fields>> = {
  'demand changed': ({ demand }) => ({ demand: reducedDemand(demand) }),
  'catalogue changed': ({ models }) => ({ models: keysOf(models) }),
  'phase reached': (event) => picked(event, ['phase', 'generation']),
  'replica lost': ({ lost }) => ({ lost: picked(lost, ['replaced']) }),
  'world seen': ({ sight }) => ({
    sight: {
      ...picked(sight, ['leads']),
      observed: isFields(sight) ? picked(sight['observed'], ['found', 'model']) : {},
    },
  }),
  'operator starts': (event) => picked(event, ['backend', 'model']),
  'operator stops': (event) => picked(event, ['backend', 'hold']),
}

function reducedEvent<T extends { readonly type: string }>(event: T): T {
  const { type } = event
  const told = Object.hasOwn(events, type) ? events[type]?.(event) : {}
  return { type, ...told } as T
}

function reducedDemand(demand: unknown): Fields {
  const waiting = isFields(demand) && Array.isArray(demand['waiting']) ? demand['waiting'] : []
  return {
    ...picked(demand, ['openFor', 'leases']),
    waiting: waiting.map((each: unknown) => picked(each, ['model', 'count'])),
  }
}

/** The reason of a failure may quote what the backend wrote last. */
function withoutReport(because: string): string {
  return because.replace(/^(the start failed|a replica was lost):.*$/s, '$1')
}

function picked(from: unknown, names: readonly string[]): Fields {
  if (!isFields(from)) return {}
  return Object.fromEntries(
    names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]),
  )
}

function namesOf(list: readonly unknown[]): unknown[] {
  return list.map((each) => (isFields(each) ? each['name'] : undefined))
}

function keysOf(record: unknown): string[] {
  return isFields(record) ? Object.keys(record) : []
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
