import { initialContext, order, type BackendContext } from './backend-context.ts'
import { failureOf } from './failures.ts'
import { vocabulary } from './backend-vocabulary.ts'
import type { ReplicaLost } from './driver.ts'
import type { StartFailure } from './types.ts'

/** What every start obeys, whichever part of it is under way: nothing is in flight, so nothing is drained. */
const callOff = [
  {
    guard: 'another program leads',
    target: '#backend.cold',
    actions: { type: 'say why', params: { why: 'another program leads from now on' } },
  },
  {
    guard: 'an operator wants it down',
    target: '#backend.idle.scalingDown',
    actions: 'say why it goes down',
  },
  {
    guard: 'its model was removed',
    target: '#backend.idle.scalingDown',
    actions: { type: 'say why', params: { why: 'its model was removed' } },
  },
  {
    guard: 'an operator wants another model',
    target: '#backend.switchingModel.unloading',
    actions: 'turn to the wish',
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

/** Nothing was given up yet: it goes on serving, and whoever leads decides about it. */
const leftToOthers = {
  guard: 'another program leads',
  target: '#backend.ready',
  actions: [
    'forget the target',
    { type: 'say why', params: { why: 'another program leads from now on' } },
  ],
} as const

/** Replicas may be half gone: whoever leads brings that to its end. */
const abandoned = {
  guard: 'another program leads',
  target: '#backend.cold',
  actions: { type: 'say why', params: { why: 'another program leads from now on' } },
} as const

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
            message: `${what} after ${Math.round((context.now() - context.startedAt) / 1_000)} s${lastPhase(context)}`,
          },
        }),
      },
      'tell that the start failed',
    ],
  }) as const

function lastPhase({ phase, phaseDetail }: BackendContext): string {
  if (phase === undefined) return ''
  return ` (last phase: ${phase}${phaseDetail === undefined ? '' : `; ${phaseDetail}`})`
}

interface LostEvent {
  readonly event: { readonly lost: ReplicaLost }
}

const whyLost = ({ event }: LostEvent) => ({ why: `a replica was lost: ${event.lost.message}` })

const lost = [
  'keep nothing warm for now',
  {
    type: 'tell that a replica was lost',
    params: ({ event }: LostEvent) => ({ message: event.lost.message }),
  },
  { type: 'say why', params: whyLost },
] as const

/** Cold → creatingResources → scalingUp → ready → switchingModel → idle: one backend's whole life. */
export const backendMachine = vocabulary.createMachine({
  id: 'backend',
  context: ({ input }) => initialContext(input),
  initial: 'cold',

  invoke: {
    src: 'see the world',
    input: ({ context }) => ({ backend: context.backend }),
    onError: { actions: { type: 'say why', params: { why: 'its world cannot be followed' } } },
  },

  // Events only change what is known; the states' `always` below decide what follows from it.
  on: {
    'demand changed': {
      actions: [
        { type: 'note the demand', params: ({ event }) => event },
        'set the alarm',
        'tell that it is crowded',
      ],
    },
    'catalogue changed': {
      // Who waits for a model that changed may have become servable, or gone.
      actions: [{ type: 'follow the catalogue', params: ({ event }) => event }, 'set the alarm'],
    },
    // A timer may fire a little early: then the answer is still the same, and the alarm is set again.
    reconsider: { actions: ['set the alarm', 'tell that it is crowded'] },
    'phase reached': {
      guard: 'it belongs to the present start',
      actions: { type: 'note the phase', params: ({ event }) => event },
    },
    'world seen': { actions: { type: 'note the sight', params: ({ event }) => event } },
    'pins changed': {
      actions: [{ type: 'note the pins', params: ({ event }) => event }, 'set the alarm'],
    },
    'keep warm changed': {
      actions: { type: 'note what is kept warm', params: ({ event }) => event },
    },
    'GPUs granted': { actions: { type: 'take the GPUs', params: ({ event }) => event } },
    'room wanted': {
      actions: [{ type: 'note who needs room', params: ({ event }) => event }, 'set the alarm'],
    },
    'copy wanted': { actions: { type: 'note the copy', params: ({ event }) => event } },
    'operator starts': { actions: { type: 'obey the start', params: ({ event }) => event } },
    'operator stops': {
      actions: [{ type: 'obey the stop', params: ({ event }) => event }, 'tell that it is held'],
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
          guard: 'a model is wanted, and it has its GPUs',
          target: 'creatingResources',
          actions: 'aim at what is wanted',
        },
        { guard: 'it has GPUs that nothing is wanted on', actions: 'give the GPUs back' },
        // A stop of what is down already has nothing left to do.
        { guard: 'an operator wants it down', actions: 'want it down no more' },
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
          onPhase: (phase, detail, isShort) =>
            self.send({
              type: 'phase reached',
              phase,
              ...(detail !== undefined && { detail }),
              ...(isShort && { isShort }),
              generation: context.generation,
            }),
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
              'want it down',
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
              'want it down',
              { type: 'say why', params: { why: 'its replicas could not be watched' } },
            ],
          },
        },
      ],
      always: [
        { guard: 'the wish came true', actions: 'forget the wish' },
        {
          guard: 'an operator wants it down',
          target: 'idle.draining',
          actions: 'say why it goes down',
        },
        {
          guard: 'its model was removed',
          target: 'idle.draining',
          actions: { type: 'say why', params: { why: 'its model was removed' } },
        },
        { guard: 'it is due to make room', target: 'idle.draining', actions: 'make room' },
        { guard: 'another turn is due', target: 'switchingModel', actions: 'turn to the next' },
        {
          guard: 'another program takes it down',
          target: 'cold',
          actions: { type: 'say why', params: { why: 'another program takes it down' } },
        },
      ],
      on: {
        'replica lost': [
          { guard: 'another program leads', target: 'cold', actions: lost },
          {
            guard: 'the platform replaces it, and somebody waits for it',
            target: 'scalingUp',
            actions: [...lost, 'count the start from now'],
          },
          {
            guard: 'somebody waits for it',
            target: 'switchingModel.unloading',
            actions: [...lost, { type: 'turn to the same model again', params: whyLost }],
          },
          { target: 'idle.scalingDown', actions: lost },
        ],
      },
      initial: 'serving',
      states: {
        serving: {
          always: { guard: 'the gate is open and no lease is out', target: 'quiet' },
        },
        quiet: {
          always: { guard: 'a lease is out', target: 'serving' },
          // A changed idle timeout counts from now on; no other change may keep the GPU awake.
          on: {
            'catalogue changed': {
              guard: 'its idle timeout changes',
              target: 'quiet',
              reenter: true,
              actions: [
                { type: 'follow the catalogue', params: ({ event }) => event },
                'set the alarm',
              ],
            },
            'keep warm changed': {
              guard: 'its idle timeout changes',
              target: 'quiet',
              reenter: true,
              actions: { type: 'note what is kept warm', params: ({ event }) => event },
            },
            'world seen': {
              guard: 'it leads from now on',
              target: 'quiet',
              reenter: true,
              actions: { type: 'note the sight', params: ({ event }) => event },
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
            leftToOthers,
            // It is still loaded, so who asked for it has it; who waits for the other goes on waiting.
            { guard: 'the wish came true', actions: 'forget the wish' },
            {
              guard: 'an operator wants it down',
              target: '#backend.idle.draining',
              actions: 'say why it goes down',
            },
            {
              guard: 'its model was removed',
              target: '#backend.idle.draining',
              actions: { type: 'say why', params: { why: 'its model was removed' } },
            },
            {
              guard: 'its model was pinned meanwhile',
              target: '#backend.ready',
              actions: [
                'forget the target',
                { type: 'say why', params: { why: 'an operator has pinned its model' } },
              ],
            },
            {
              guard: 'the switch lost its reason',
              target: '#backend.ready',
              actions: [
                'forget the target',
                { type: 'say why', params: { why: 'the other model is not wanted any more' } },
              ],
            },
          ],
          invoke: {
            src: 'drain leases',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: 'unloading',
            onError: 'unloading',
          },
          after: {
            preemption: { guard: 'it may preempt', actions: 'tell who is preempted' },
            'drain deadline': [
              { guard: 'cutting is allowed', target: 'unloading', actions: 'tell who blocks' },
              { actions: 'tell who blocks' },
            ],
          },
        },
        unloading: {
          always: abandoned,
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
                  params: { why: 'the other model is not wanted any more' },
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
          always: abandoned,
          entry: 'tell that it will not go',
          after: { 'pause before trying again': 'unloading' },
        },
      },
    },

    idle: {
      // Where a switch would have led is of the past.
      entry: 'forget the target',
      initial: 'rechecking',
      states: {
        // The gate is closed already; whoever asks now is seen before anything goes down.
        rechecking: {
          always: [
            leftToOthers,
            {
              guard: 'somebody waits for it',
              target: '#backend.ready',
              actions: { type: 'say why', params: { why: 'somebody asked just then' } },
            },
            {
              guard: 'the wish came true',
              target: '#backend.ready',
              actions: { type: 'say why', params: { why: 'an operator asked for it' } },
            },
          ],
          invoke: {
            src: 'ask the engine',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: [
              {
                guard: {
                  type: 'the engine itself is at work',
                  params: ({ event }) => event.output,
                },
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
          always: [
            leftToOthers,
            {
              guard: 'nothing wants it down',
              target: '#backend.ready',
              actions: { type: 'say why', params: { why: 'nothing wants it down any more' } },
            },
          ],
          // Whatever it drained for, from now on this is the reason.
          on: {
            'operator stops': {
              actions: [
                { type: 'obey the stop', params: ({ event }) => event },
                'say why it goes down',
                'tell that it is held',
              ],
            },
          },
          invoke: {
            src: 'drain leases',
            input: ({ context }) => ({ backend: context.backend }),
            onDone: 'scalingDown',
            onError: 'scalingDown',
          },
          after: {
            preemption: {
              guard: 'it makes room, and may preempt',
              actions: 'tell who is preempted',
            },
            'drain deadline': [
              { guard: 'cutting is allowed', target: 'scalingDown', actions: 'tell who blocks' },
              { actions: 'tell who blocks' },
            ],
          },
        },
        scalingDown: {
          always: abandoned,
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
          always: abandoned,
          entry: 'tell that it will not go',
          after: { 'pause before trying again': 'scalingDown' },
        },
      },
    },
  },
})
