import {
  assign,
  cancel,
  emit,
  enqueueActions,
  fromCallback,
  fromPromise,
  raise,
  setup,
} from 'xstate'
import {
  consult,
  failureOf,
  forgetChanged,
  initialContext,
  learn,
  mayStayUp,
  nextModel,
  nextTurn,
  order,
  remember,
  switchWanted,
  targetWanted,
  waitsFor,
  wishFulfilled,
  type BackendContext,
  type BackendEvent,
  type BackendFact,
  type BackendInput,
  type Models,
} from './backend-context.ts'
import type { Started, StartPhase } from './driver.ts'
import type { EngineLoad, Endpoint, StartFailure, StartOrder } from './types.ts'

export interface AdmissionInput {
  readonly backend: string
  readonly model: string
  readonly generation: number
  readonly endpoints: readonly Endpoint[]
}

/** Stands where an effect must be provided; a chart that runs without its effects says so. */
function unfilled(): never {
  throw new Error('this actor must be provided by a driver: backendMachine.provide({ actors })')
}

const chart = setup({
  types: {
    context: {} as BackendContext,
    input: {} as BackendInput,
    events: {} as BackendEvent,
    emitted: {} as BackendFact,
  },
  actors: {
    'ensure resources': fromPromise<void, StartOrder>(unfilled),
    'bring replicas up': fromPromise<
      Started,
      { order: StartOrder; onPhase: (phase: StartPhase) => void }
    >(unfilled),
    /** The gate is open exactly as long as this one lives. */
    'admit requests': fromCallback<BackendEvent, AdmissionInput>(unfilled),
    'watch replicas': fromCallback<BackendEvent, { backend: string }>(unfilled),
    /** Resolves when no lease is out and the engine itself runs and queues nothing. */
    'drain leases': fromPromise<void, { backend: string }>(unfilled),
    'ask the engine': fromPromise<EngineLoad | undefined, { backend: string }>(unfilled),
    /** Resolves when the replicas are gone, so that the GPU is free. */
    'take replicas down': fromPromise<void, { backend: string }>(unfilled),
  },
  guards: {
    'a ready one was found': ({ context }) =>
      context.observed.found === 'ready' && context.models[context.observed.model] !== undefined,
    'a starting one was found': ({ context }) =>
      context.observed.found === 'starting' && context.models[context.observed.model] !== undefined,
    'something else was found': ({ context }) => context.observed.found !== 'nothing',
    'a model is wanted': ({ context }) => nextModel(context) !== undefined,
    'another turn is due': ({ context }) => nextTurn(context) !== undefined,
    'the wish came true': ({ context }) => wishFulfilled(context),
    'the target is still wanted': ({ context }) => targetWanted(context),
    'the switch lost its reason': ({ context }) => !switchWanted(context),
    'somebody waits for it': ({ context }) => waitsFor(context, context.model?.name),
    'an operator wants it down': ({ context }) => context.down,
    'nothing wants it down': ({ context }) => mayStayUp(context),
    'its model was removed': ({ context }) =>
      context.model !== undefined && context.models[context.model.name] === undefined,
    'its manifest changed': ({ context }) =>
      context.model !== undefined &&
      context.models[context.model.name]?.revision !== context.model.revision,
    'a lease is out': ({ context }) => context.demand.leases > 0,
    'the gate is open and no lease is out': ({ context }) =>
      context.demand.openFor === context.generation && context.demand.leases === 0,
    'idle has a time': ({ context }) => idleTimeoutMs(context) > 0,
  },
  delays: {
    'idle timeout': ({ context }) => idleTimeoutMs(context),
    'resources deadline': ({ context }) => context.settings.resourcesDeadlineMs,
    'start deadline': ({ context }) =>
      Math.max(0, context.startedAt + (context.model?.startTimeoutMs ?? 0) - context.now()),
    'drain deadline': ({ context }) => context.settings.drainDeadlineMs,
    'unload deadline': ({ context }) => context.settings.unloadDeadlineMs,
    'recheck deadline': ({ context }) => context.settings.recheckDeadlineMs,
    'pause before trying again': 1_000,
  },
  actions: {
    'say why': assign((_, params: { why: string }) => ({ because: params.why })),
    'follow the catalogue': assign(({ context }, { models }: { models: Models }) => ({
      models,
      failures: forgetChanged(context, models),
      wish: context.wish !== undefined && models[context.wish] ? context.wish : undefined,
      model: follow(context, models),
    })),
    'take its place': assign({ observed: { found: 'nothing' } }),
    adopt: assign(({ context }) => {
      const { observed, models, generation, now } = context
      if (observed.found !== 'ready' && observed.found !== 'starting') return {}
      const facts = models[observed.model]
      return {
        model: facts && { ...facts, revision: observed.revision },
        endpoints: observed.found === 'ready' ? observed.endpoints : [],
        generation: generation + 1,
        startedAt: now(),
        residentSince: now(),
        observed: { found: 'nothing' as const },
        because: 'it was found at the start of the program',
      }
    }),
    'aim at what is wanted': assign(({ context }) => {
      const next = nextModel(context)
      return next ? aim(context, next.name, next.why) : {}
    }),
    'aim at the target': assign(({ context }) =>
      context.target === undefined ? {} : aim(context, context.target, context.because),
    ),
    'turn to the next': assign(({ context }) => {
      const next = nextTurn(context)
      if (!next) return {}
      return {
        target: next.name,
        wish: next.reload ? next.name : context.wish,
        because: `${next.name}: ${next.why}`,
      }
    }),
    'turn to the same model again': assign(
      ({ context }, { why, reload = false }: { why: string; reload?: boolean }) => ({
        target: context.model?.name,
        wish: reload ? context.model?.name : context.wish,
        because: why,
      }),
    ),
    'note the start': assign(({ context }, { endpoints, revision }: Started) => {
      const { model, costs, startedAt, now, wish, failures } = context
      if (!model) return {}
      const { [model.name]: _, ...others } = failures
      return {
        model: { ...(context.models[model.name] ?? model), revision },
        endpoints,
        failures: others,
        costs: learn(costs, model.name, now() - startedAt),
        residentSince: now(),
        wish: wish === model.name ? undefined : wish,
        target: undefined,
        because: 'its own /v1/models names the model',
      }
    }),
    'tell that it is ready': emit(({ context }) => ({
      type: 'ready',
      backend: context.backend,
      model: context.model?.name ?? '',
      generation: context.generation,
      loadMs: context.residentSince - context.startedAt,
    })),
    'remember the failure': assign(({ context }, params: { failure: StartFailure }) => {
      const failure = remember(context, params.failure)
      return {
        failures: { ...context.failures, [failure.model]: failure },
        wish: context.wish === failure.model ? undefined : context.wish,
        because: `the start failed: ${failure.message}`,
      }
    }),
    'tell that the start failed': enqueueActions(({ context, enqueue }) => {
      const failure = context.failures[context.model?.name ?? '']
      if (failure) enqueue.emit({ type: 'start failed', backend: context.backend, failure })
    }),
    'tell that a replica was lost': emit(({ context }, params: { message: string }) => ({
      type: 'replica lost',
      backend: context.backend,
      model: context.model?.name ?? '',
      message: params.message,
    })),
    'tell who blocks': emit(({ context }) => ({
      type: 'drain overdue',
      backend: context.backend,
      model: context.model?.name ?? '',
      cut: context.settings.drainDeadlineAction === 'cut',
    })),
    'tell that it will not go': emit(({ context }) => ({
      type: 'unload overdue',
      backend: context.backend,
      model: context.model?.name ?? '',
    })),
    'rest cold': assign({
      model: undefined,
      target: undefined,
      endpoints: [],
      phase: undefined,
      down: false,
    }),
    'tell that it is cold': emit(({ context }) => ({ type: 'cold', backend: context.backend })),
    'set the alarm': enqueueActions(({ context, enqueue }) => {
      enqueue(cancel('reconsider'))
      if (!context.model || context.demand.openFor !== context.generation) return
      const answer = consult(context, context.model.name)
      if (answer.decision !== 'stay' || answer.reconsiderAt === undefined) return
      const delay = Math.max(1, Math.ceil(answer.reconsiderAt - context.now()))
      enqueue(raise({ type: 'reconsider' }, { id: 'reconsider', delay }))
    }),
  },
})

function idleTimeoutMs({ settings, model }: BackendContext): number {
  return settings.idleTimeoutMs ?? model?.idleTimeoutMs ?? 0
}

/** A new start: a new generation, and nothing of the last one. */
function aim(context: BackendContext, name: string, why: string): Partial<BackendContext> {
  return {
    model: context.models[name],
    target: undefined,
    endpoints: [],
    generation: context.generation + 1,
    startedAt: context.now(),
    phase: undefined,
    because: why,
  }
}

/** What every start obeys, whichever part of it is under way: nothing is in flight, so nothing is drained. */
const callOff = [
  {
    guard: 'an operator wants it down',
    target: '#backend.idle.scalingDown',
    actions: { type: 'say why', params: { why: 'an operator stopped it' } },
  },
  {
    guard: 'its model was removed',
    target: '#backend.idle.scalingDown',
    actions: { type: 'say why', params: { why: 'its model was removed' } },
  },
  {
    guard: 'its manifest changed',
    target: '#backend.switchingModel.unloading',
    actions: {
      type: 'turn to the same model again',
      params: { why: 'its manifest changed while it was loading', reload: true },
    },
  },
] as const

const failed = (failure: (event: { error: unknown }) => StartFailure) =>
  ({
    target: '#backend.idle.scalingDown',
    actions: [
      {
        type: 'remember the failure',
        params: ({ event }: { event: { error: unknown } }) => ({ failure: failure(event) }),
      },
      'tell that the start failed',
    ],
  }) as const

/** A start that took too long is a failure like any other; the message says how far it came. */
const overdue = (what: string) =>
  ({
    target: '#backend.idle.scalingDown',
    actions: [
      {
        type: 'remember the failure',
        params: ({ context }: { context: BackendContext }) => ({
          failure: {
            reason: 'deadline' as const,
            message: `${what} after ${Math.round((context.now() - context.startedAt) / 1_000)} s${context.phase ? ` (last phase: ${context.phase})` : ''}`,
          },
        }),
      },
      'tell that the start failed',
    ],
  }) as const

/** Cold → creatingResources → scalingUp → ready → switchingModel → idle: one backend's whole life. */
export const backendMachine = chart.createMachine({
  id: 'backend',
  context: ({ input }) => initialContext(input),
  initial: 'cold',

  // Events only change what is known; the states' `always` below decide what follows from it.
  on: {
    'demand changed': {
      actions: [assign({ demand: ({ event }) => event.demand }), 'set the alarm'],
    },
    'catalogue changed': {
      actions: { type: 'follow the catalogue', params: ({ event }) => event },
    },
    // A timer may fire a little early: then the answer is still the same, and the alarm is set again.
    reconsider: { actions: 'set the alarm' },
    'phase reached': { actions: assign({ phase: ({ event }) => event.phase }) },
    'operator starts': {
      actions: assign(({ context, event }) => ({
        down: false,
        held: false,
        wish: event.model ?? context.model?.name,
        failures: event.model === undefined ? {} : without(context.failures, event.model),
      })),
    },
    'operator stops': {
      actions: [
        assign(({ context, event }) => ({
          down: true,
          held: context.held || event.hold,
          wish: undefined,
        })),
        enqueueActions(({ context, enqueue }) => {
          if (context.held) enqueue.emit({ type: 'held', backend: context.backend })
        }),
      ],
    },
  },

  states: {
    cold: {
      entry: ['rest cold', 'tell that it is cold'],
      always: [
        {
          guard: 'a ready one was found',
          target: 'ready',
          actions: ['adopt', 'tell that it is ready'],
        },
        { guard: 'a starting one was found', target: 'creatingResources', actions: 'adopt' },
        {
          guard: 'something else was found',
          target: 'idle.scalingDown',
          actions: [
            'take its place',
            { type: 'say why', params: { why: 'what was found serves no known model' } },
          ],
        },
        {
          guard: 'a model is wanted',
          target: 'creatingResources',
          actions: 'aim at what is wanted',
        },
        // A stop of what is down already has nothing left to do.
        { guard: 'an operator wants it down', actions: assign({ down: false }) },
      ],
    },

    creatingResources: {
      always: callOff,
      invoke: {
        src: 'ensure resources',
        input: ({ context }) => order(context),
        onDone: {
          target: 'scalingUp',
          actions: { type: 'say why', params: { why: 'its resources are there' } },
        },
        onError: failed(({ error }) => failureOf(error)),
      },
      after: { 'resources deadline': overdue('the resources were not there') },
    },

    scalingUp: {
      always: callOff,
      invoke: {
        src: 'bring replicas up',
        input: ({ context, self }) => ({
          order: order(context),
          onPhase: (phase: StartPhase) => self.send({ type: 'phase reached', phase }),
        }),
        onDone: {
          target: 'ready',
          actions: [
            { type: 'note the start', params: ({ event }) => event.output },
            'tell that it is ready',
          ],
        },
        onError: failed(({ error }) => failureOf(error)),
      },
      after: { 'start deadline': overdue('not ready') },
    },

    ready: {
      invoke: [
        {
          src: 'admit requests',
          input: ({ context }) => ({
            backend: context.backend,
            model: context.model?.name ?? '',
            generation: context.generation,
            endpoints: context.endpoints,
          }),
          onError: {
            target: 'idle.draining',
            actions: [
              assign({ down: true }),
              { type: 'say why', params: { why: 'the gate could not be opened' } },
            ],
          },
        },
        {
          src: 'watch replicas',
          input: ({ context }) => ({ backend: context.backend }),
          onError: {
            target: 'idle.draining',
            actions: [
              assign({ down: true }),
              { type: 'say why', params: { why: 'its replicas could not be watched' } },
            ],
          },
        },
      ],
      always: [
        { guard: 'the wish came true', actions: assign({ wish: undefined }) },
        {
          guard: 'an operator wants it down',
          target: 'idle.draining',
          actions: { type: 'say why', params: { why: 'an operator stopped it' } },
        },
        {
          guard: 'its model was removed',
          target: 'idle.draining',
          actions: { type: 'say why', params: { why: 'its model was removed' } },
        },
        { guard: 'another turn is due', target: 'switchingModel', actions: 'turn to the next' },
      ],
      on: {
        'replica lost': [
          {
            guard: ({ context, event }) =>
              event.lost.replaced && waitsFor(context, context.model?.name),
            target: 'scalingUp',
            actions: [
              {
                type: 'tell that a replica was lost',
                params: ({ event }) => ({ message: event.lost.message }),
              },
              assign({
                startedAt: ({ context }) => context.now(),
                because: ({ event }) => `a replica was lost: ${event.lost.message}`,
              }),
            ],
          },
          {
            guard: 'somebody waits for it',
            target: 'switchingModel.unloading',
            actions: [
              {
                type: 'tell that a replica was lost',
                params: ({ event }) => ({ message: event.lost.message }),
              },
              {
                type: 'turn to the same model again',
                params: ({ event }) => ({ why: `a replica was lost: ${event.lost.message}` }),
              },
            ],
          },
          {
            target: 'idle.scalingDown',
            actions: [
              {
                type: 'tell that a replica was lost',
                params: ({ event }) => ({ message: event.lost.message }),
              },
              {
                type: 'say why',
                params: ({ event }) => ({ why: `a replica was lost: ${event.lost.message}` }),
              },
            ],
          },
        ],
      },
      initial: 'serving',
      states: {
        serving: {
          always: { guard: 'the gate is open and no lease is out', target: 'quiet' },
        },
        quiet: {
          always: { guard: 'a lease is out', target: 'serving' },
          // A changed idle timeout counts from now on.
          on: {
            'catalogue changed': {
              target: 'quiet',
              reenter: true,
              actions: { type: 'follow the catalogue', params: ({ event }) => event },
            },
          },
          after: {
            'idle timeout': {
              guard: 'idle has a time',
              target: '#backend.idle.rechecking',
              actions: { type: 'say why', params: { why: 'nobody asked for the idle timeout' } },
            },
          },
        },
      },
    },

    switchingModel: {
      initial: 'draining',
      states: {
        draining: {
          always: [
            {
              guard: 'an operator wants it down',
              target: '#backend.idle.draining',
              actions: { type: 'say why', params: { why: 'an operator stopped it' } },
            },
            {
              guard: 'its model was removed',
              target: '#backend.idle.draining',
              actions: { type: 'say why', params: { why: 'its model was removed' } },
            },
            {
              guard: 'the switch lost its reason',
              target: '#backend.ready',
              actions: [
                assign({ target: undefined }),
                { type: 'say why', params: { why: 'nobody waits for the other model any more' } },
              ],
            },
          ],
          invoke: {
            src: 'drain leases',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: 'unloading',
            onError: 'unloading',
          },
          after: { 'drain deadline': { actions: 'tell who blocks' } },
        },
        unloading: {
          invoke: {
            src: 'take replicas down',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: [
              {
                guard: 'the target is still wanted',
                target: '#backend.creatingResources',
                actions: 'aim at the target',
              },
              {
                target: '#backend.cold',
                actions: {
                  type: 'say why',
                  params: { why: 'nobody waits for the other model any more' },
                },
              },
            ],
            onError: 'unloadingFailed',
          },
          after: {
            'unload deadline': {
              target: 'unloading',
              reenter: true,
              actions: 'tell that it will not go',
            },
          },
        },
        unloadingFailed: {
          entry: 'tell that it will not go',
          after: { 'pause before trying again': 'unloading' },
        },
      },
    },

    idle: {
      initial: 'rechecking',
      states: {
        // The gate is closed already; whoever asks now is seen before anything goes down.
        rechecking: {
          always: {
            guard: 'somebody waits for it',
            target: '#backend.ready',
            actions: { type: 'say why', params: { why: 'somebody asked just then' } },
          },
          invoke: {
            src: 'ask the engine',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: [
              {
                guard: ({ event }) =>
                  event.output !== undefined && event.output.running + event.output.waiting > 0,
                target: '#backend.ready',
                actions: { type: 'say why', params: { why: 'the engine itself is still at work' } },
              },
              { target: 'scalingDown' },
            ],
            onError: 'scalingDown',
          },
          after: { 'recheck deadline': 'scalingDown' },
        },
        draining: {
          always: {
            guard: 'nothing wants it down',
            target: '#backend.ready',
            actions: { type: 'say why', params: { why: 'nothing wants it down any more' } },
          },
          invoke: {
            src: 'drain leases',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: 'scalingDown',
            onError: 'scalingDown',
          },
          after: { 'drain deadline': { actions: 'tell who blocks' } },
        },
        scalingDown: {
          invoke: {
            src: 'take replicas down',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: {
              target: '#backend.cold',
            },
            onError: 'scalingDownFailed',
          },
          after: {
            'unload deadline': {
              target: 'scalingDown',
              reenter: true,
              actions: 'tell that it will not go',
            },
          },
        },
        scalingDownFailed: {
          entry: 'tell that it will not go',
          after: { 'pause before trying again': 'scalingDown' },
        },
      },
    },
  },
})

/** The running model with its new idle timeout and priority, but the revision that really runs. */
function follow(
  { model }: BackendContext,
  models: BackendContext['models'],
): BackendContext['model'] {
  const facts = model && models[model.name]
  return facts ? { ...facts, revision: model.revision } : model
}

function without<T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> {
  const { [key]: _, ...rest } = record
  return rest
}
