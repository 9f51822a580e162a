import { assign, emit, enqueueActions, fromPromise, setup, type ActorRefFrom } from 'xstate'
import type { BackendSettings, Models } from './backend-context.ts'
import { backendMachine } from './backend.ts'
import { poolMachine, type PoolDefinition } from './gpu-pool.ts'
import type { SwitchPolicy } from './switch-policy.ts'
import type { Observed } from './types.ts'

/** One backend as configured. */
export interface BackendDefinition {
  readonly name: string
  /** Served names it may serve; undefined: all. */
  readonly models: readonly string[] | undefined
  readonly settings: BackendSettings
  /** The pool that its GPUs are of, and how many it needs; absent: it has its own. */
  readonly pool?: { readonly name: string; readonly gpus: number }
}

export interface FleetInput {
  /** False where other programs may be at work, until the driver says who leads; true unless given. */
  readonly leads?: boolean
  readonly backends: readonly BackendDefinition[]
  /** Every pool that a backend names. */
  readonly pools?: readonly PoolDefinition[]
  readonly models: Models
  readonly policy: SwitchPolicy
  /** Served names that make room for no other while they are loaded; those of the settings unless given. */
  readonly pinned?: readonly string[]
  /** Clock of the actor system, ms, monotonic. */
  readonly now: () => number
}

export interface FleetContext extends FleetInput {
  readonly spawned: Readonly<Record<string, ActorRefFrom<typeof backendMachine>>>
  readonly sharing: Readonly<Record<string, ActorRefFrom<typeof poolMachine>>>
  /** Why the backends could not be looked at, until they can. */
  readonly trouble: string | undefined
  /** What operators asked for before there were backends to do it. */
  readonly postponed: readonly OperatorCommand[]
}

/** An operator, on one backend or on all of them. */
type OperatorCommand =
  | { type: 'operator starts'; backend: string; model?: string }
  | { type: 'operator stops'; backend?: string; hold: boolean }

export type FleetEvent =
  | { type: 'catalogue changed'; models: Models }
  | { type: 'pins changed'; pinned: readonly string[] }
  | OperatorCommand
  | { type: 'shut down' }

export type FleetFact = { type: 'supervising' } | { type: 'observation failed'; message: string }

const observations = fromPromise<
  Readonly<Record<string, Observed>>,
  { backends: readonly string[] }
>(() => {
  throw new Error('this actor must be provided: fleetMachine.provide({ actors })')
})

/**
 * Supervises the backends: looks at what is really there, spawns one actor per configured backend
 * accordingly, hands on what changes, and brings all of them down at the end.
 */
export const fleetMachine = setup({
  types: {
    context: {} as FleetContext,
    input: {} as FleetInput,
    events: {} as FleetEvent,
    emitted: {} as FleetFact,
  },
  actors: { backend: backendMachine, pool: poolMachine, 'look at what is there': observations },
  delays: { 'pause before looking again': 2_000, 'looking deadline': 60_000 },
  actions: {
    'spawn the backends': assign({
      spawned: ({ context, spawn }, params: { found: Readonly<Record<string, Observed>> }) =>
        Object.fromEntries(
          context.backends.map((definition) => [
            definition.name,
            spawn('backend', {
              id: definition.name,
              systemId: definition.name,
              input: {
                backend: definition.name,
                settings: definition.settings,
                policy: context.policy,
                now: context.now,
                models: modelsOf(definition, context.models),
                ...(context.pinned && { pinned: context.pinned }),
                observed: params.found[definition.name] ?? { found: 'nothing' },
                leads: context.leads ?? true,
                gpus: definition.pool?.gpus ?? 0,
              },
            }),
          ]),
        ),
    }),
    'spawn the pools': assign({
      sharing: ({ context, spawn }) =>
        Object.fromEntries(
          (context.pools ?? []).map((pool) => [
            pool.name,
            spawn('pool', {
              id: `pool ${pool.name}`,
              input: {
                pool,
                backends: Object.fromEntries(
                  context.backends
                    .filter((each) => each.pool?.name === pool.name)
                    .map(({ name }) => [name, context.spawned[name]!]),
                ),
                now: context.now,
              },
            }),
          ]),
        ),
    }),
    'do it later': assign(({ context, event }) =>
      event.type === 'operator starts' || event.type === 'operator stops'
        ? { postponed: [...context.postponed, event] }
        : {},
    ),
    'do what was postponed': enqueueActions(({ context, enqueue }) => {
      for (const command of context.postponed) enqueue.raise(command)
      enqueue.assign({ postponed: [] })
    }),
    'tell the trouble': emit(({ context }) => ({
      type: 'observation failed',
      message: context.trouble ?? '',
    })),
    'hand the catalogue on': enqueueActions(({ context, enqueue }) => {
      for (const definition of context.backends) {
        const actor = context.spawned[definition.name]
        if (!actor) continue
        enqueue.sendTo(actor, {
          type: 'catalogue changed',
          models: modelsOf(definition, context.models),
        })
      }
    }),
    'hand the pins on': enqueueActions(({ context, enqueue }) => {
      const { pinned } = context
      if (!pinned) return
      for (const actor of Object.values(context.spawned)) {
        enqueue.sendTo(actor, { type: 'pins changed', pinned })
      }
    }),
    'bring down': enqueueActions(
      (
        { context, enqueue },
        { backend, ...how }: { backend: string | undefined; hold: boolean; because?: string },
      ) => {
        for (const [name, actor] of Object.entries(context.spawned)) {
          if (backend !== undefined && backend !== name) continue
          enqueue.sendTo(actor, { type: 'operator stops', ...how })
        }
      },
    ),
  },
}).createMachine({
  id: 'fleet',
  context: ({ input }) => ({
    ...input,
    spawned: {},
    sharing: {},
    trouble: undefined,
    postponed: [],
  }),
  initial: 'observing',
  on: {
    'catalogue changed': {
      actions: [assign({ models: ({ event }) => event.models }), 'hand the catalogue on'],
    },
    'pins changed': {
      actions: [assign({ pinned: ({ event }) => event.pinned }), 'hand the pins on'],
    },
  },
  states: {
    observing: {
      on: {
        'operator starts': { actions: 'do it later' },
        'operator stops': { actions: 'do it later' },
        'shut down': 'stopped',
      },
      invoke: {
        src: 'look at what is there',
        input: ({ context }) => ({ backends: context.backends.map(({ name }) => name) }),
        onDone: {
          target: 'supervising',
          actions: [
            assign({ trouble: undefined }),
            { type: 'spawn the backends', params: ({ event }) => ({ found: event.output }) },
            'spawn the pools',
          ],
        },
        onError: {
          target: 'blind',
          actions: assign({
            trouble: ({ event }) =>
              event.error instanceof Error ? event.error.message : String(event.error),
          }),
        },
      },
      // Says so and goes on: to look twice at once could end what the first look is about to find.
      after: {
        'looking deadline': {
          actions: [
            assign({ trouble: 'the driver still has not said what is there' }),
            'tell the trouble',
          ],
        },
      },
    },
    // Starting anything beside what cannot be seen could put two models on one GPU.
    blind: {
      entry: 'tell the trouble',
      on: {
        'operator starts': { actions: 'do it later' },
        'operator stops': { actions: 'do it later' },
        'shut down': 'stopped',
      },
      after: { 'pause before looking again': 'observing' },
    },
    supervising: {
      entry: [
        enqueueActions(({ enqueue }) => enqueue.emit({ type: 'supervising' })),
        'do what was postponed',
      ],
      on: {
        'operator starts': {
          actions: enqueueActions(({ context, event, enqueue }) => {
            const actor = context.spawned[event.backend]
            if (!actor) return
            enqueue.sendTo(actor, {
              type: 'operator starts',
              ...(event.model !== undefined && { model: event.model }),
            })
          }),
        },
        'operator stops': {
          actions: {
            type: 'bring down',
            params: ({ event }) => ({ backend: event.backend, hold: event.hold }),
          },
        },
        'shut down': 'stopping',
      },
    },
    // Each backend drains, unloads and rests cold; the host sees that and stops the fleet.
    stopping: {
      entry: {
        type: 'bring down',
        params: { backend: undefined, hold: true, because: 'the program stops' },
      },
    },
    stopped: { type: 'final' },
  },
})

/** The part of the catalogue that a backend may serve. */
export function modelsOf({ models }: BackendDefinition, all: Models): Models {
  if (!models) return all
  return Object.fromEntries(Object.entries(all).filter(([name]) => models.includes(name)))
}
