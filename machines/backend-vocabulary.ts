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
  learn,
  type BackendContext,
  type BackendEvent,
  type BackendFact,
  type BackendInput,
  type Demand,
  type Grant,
  type Models,
} from './backend-context.ts'
import type { OnPhase, Started, StartPhase } from './driver.ts'
import { forgetChanged, remember, rememberRefusals } from './failures.ts'
import {
  anotherWished,
  consult,
  crowdedAt,
  hasItsGpus,
  mayStayUp,
  nextModel,
  nextTurn,
  pinnedMeanwhile,
  switchWanted,
  targetWanted,
  waitsFor,
  wishFulfilled,
} from './turns.ts'
import type {
  EngineLoad,
  Endpoint,
  RoomWanted,
  Sight,
  StartFailure,
  StartOrder,
  Warm,
} from './types.ts'
import { idleAfterMs, makesRoom } from './warmth.ts'

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

/** ms; the longest that a timer takes. */
const longest = 2 ** 31 - 1

/** The vocabulary of the chart: every guard, action and delay is named in a sentence. */
export const vocabulary = setup({
  types: {
    context: {} as BackendContext,
    input: {} as BackendInput,
    events: {} as BackendEvent,
    emitted: {} as BackendFact,
  },
  actors: {
    'ensure resources': fromPromise<void, StartOrder>(unfilled),
    'bring replicas up': fromPromise<Started, { order: StartOrder; onPhase: OnPhase }>(unfilled),
    /** The gate is open exactly as long as this one lives. */
    'admit requests': fromCallback<BackendEvent, AdmissionInput>(unfilled),
    'watch replicas': fromCallback<BackendEvent, { backend: string }>(unfilled),
    /** Tells what others do, where there are others. */
    'see the world': fromCallback<BackendEvent, { backend: string }>(() => {}),
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
      context.leads &&
      context.observed.found === 'starting' &&
      context.models[context.observed.model] !== undefined,
    'something else was found': ({ context }) =>
      context.leads && context.observed.found !== 'nothing',
    'another program leads': ({ context }) => !context.leads,
    'another program takes it down': ({ context }) =>
      !context.leads && context.observed.found === 'leaving',
    'it leads from now on': ({ context, event }) =>
      event.type === 'world seen' && event.sight.leads && !context.leads,
    'a model is wanted, and it has its GPUs': ({ context }) =>
      hasItsGpus(context) && nextModel(context) !== undefined,
    'it has GPUs that nothing is wanted on': ({ context }) =>
      context.grant !== undefined && nextModel(context) === undefined,
    'another turn is due': ({ context }) => nextTurn(context) !== undefined,
    'it is due to make room': ({ context }) => nextTurn(context)?.on !== undefined,
    'the wish came true': ({ context }) => wishFulfilled(context),
    'the target is still wanted': ({ context }) => targetWanted(context),
    'its model was pinned meanwhile': ({ context }) => pinnedMeanwhile(context),
    'the switch lost its reason': ({ context }) => !switchWanted(context),
    'somebody waits for it': ({ context }) => waitsFor(context, context.model?.name),
    'an operator wants another model': ({ context }) => anotherWished(context),
    'an operator wants it down': ({ context }) => context.leads && context.down,
    'nothing wants it down': ({ context }) => mayStayUp(context),
    'its model was removed': ({ context }) =>
      context.leads &&
      context.model !== undefined &&
      context.models[context.model.name] === undefined,
    'its manifest changed': ({ context }) =>
      context.model !== undefined &&
      context.models[context.model.name]?.revision !== context.model.revision,
    'a lease is out': ({ context }) => context.demand.leases > 0,
    'the gate is open and no lease is out': ({ context }) =>
      context.demand.openFor === context.generation && context.demand.leases === 0,
    'idle has a time': ({ context }) =>
      context.leads && idleAfterMs(context) !== undefined && makesRoom(context),
    'its idle timeout changes': ({ context, event }) =>
      (event.type === 'catalogue changed' || event.type === 'keep warm changed') &&
      idleAfterMs(context) !==
        idleAfterMs(
          event.type === 'catalogue changed'
            ? { ...context, model: follow(context, event.models), models: event.models }
            : { ...context, ...warmth(context, event.warm) },
        ),
    'it belongs to the present start': ({ context, event }) =>
      event.type === 'phase reached' && event.generation === context.generation,
    'the platform replaces it, and somebody waits for it': ({ context, event }) =>
      event.type === 'replica lost' &&
      event.lost.replaced &&
      waitsFor(context, context.model?.name),
    'the engine itself is at work': (_, load: EngineLoad | undefined) =>
      load !== undefined && load.running + load.waiting > 0,
    'it may preempt': ({ context }) => context.settings.preemptAfterMs !== undefined,
    'it makes room, and may preempt': ({ context }) =>
      context.makesRoom && context.settings.preemptAfterMs !== undefined,
    'cutting is allowed': ({ context }) => context.settings.drainDeadlineAction === 'cut',
  },
  delays: {
    'idle timeout': ({ context }) => idleAfterMs(context) ?? 0,
    'resources deadline': ({ context }) => context.settings.resourcesDeadlineMs,
    'start deadline': ({ context }) =>
      Math.max(0, context.startedAt + (context.model?.startTimeoutMs ?? 0) - context.now()),
    'drain deadline': ({ context }) => context.settings.drainDeadlineMs,
    preemption: ({ context }) => context.settings.preemptAfterMs ?? longest,
    'unload deadline': ({ context }) => context.settings.unloadDeadlineMs,
    'recheck deadline': ({ context }) => context.settings.recheckDeadlineMs,
    'pause before trying again': 1_000,
  },
  actions: {
    'say why': assign((_, params: { why: string }) => ({ because: params.why })),
    'note the pins': assign((_, { pinned }: { pinned: readonly string[] }) => ({ pinned })),
    'note what is kept warm': assign(({ context }, params: { warm: Warm | undefined }) =>
      warmth(context, params.warm),
    ),
    // At most once until the schedule says it again: what dies as soon as it is up is not loaded in a circle.
    'keep nothing warm for now': assign({ warm: undefined }),
    'note the demand': assign(({ context }, { demand }: { demand: Demand }) => ({
      demand,
      usedAt: demand.leases + context.demand.leases > 0 ? context.now() : context.usedAt,
    })),
    'note the phase': assign(
      (_, told: { phase: StartPhase; detail?: string; isShort?: boolean }) => ({
        phase: told.phase,
        phaseDetail: told.detail,
        isShort: told.isShort ?? false,
      }),
    ),
    'take the GPUs': assign((_, { grant }: { grant: Grant }) => ({
      grant,
      lastGrant: grant.number,
    })),
    'give the GPUs back': assign({ grant: undefined }),
    'note who needs room': assign(({ context }, { room }: { room: RoomWanted | undefined }) => ({
      room,
      makesRoom: context.makesRoom && room !== undefined,
    })),
    'make room': assign(({ context }) => {
      const turn = nextTurn(context)
      return { makesRoom: true, because: `room for ${turn?.name} on ${turn?.on}: ${turn?.why}` }
    }),
    'obey the start': assign(({ context }, { model }: { model?: string }) => ({
      down: false,
      held: false,
      // Naming no model: what it has or is going to have, so that a switch under way is not undone.
      wish: model ?? context.target ?? context.model?.name,
      wishedAt: context.now(),
      failures: model === undefined ? {} : without(context.failures, model),
      dismissed: undefined,
    })),
    'obey the stop': assign(
      (
        { context },
        { hold, because = 'an operator stopped it' }: { hold: boolean; because?: string },
      ) => ({
        down: true,
        downBecause: because,
        held: context.held || hold,
        wish: undefined,
        warm: undefined,
        dismissed: context.warmWish,
        copy: undefined,
      }),
    ),
    'note the copy': assign((_, { model }: { model: string | undefined }) => ({ copy: model })),
    'tell that it is crowded': enqueueActions(({ context, enqueue }) => {
      const { backend, model } = context
      const isCrowded = (crowdedAt(context) ?? Infinity) <= context.now()
      if (isCrowded === context.isCrowded) return
      enqueue.assign({ isCrowded })
      if (isCrowded && model) enqueue.emit({ type: 'crowded', backend, model: model.name })
    }),
    'say why it goes down': assign({ because: ({ context }) => context.downBecause }),
    'tell that it is held': enqueueActions(({ context, enqueue }) => {
      if (context.held) enqueue.emit({ type: 'held', backend: context.backend })
    }),
    'want it down': assign({ down: true }),
    'want it down no more': assign({ down: false }),
    'forget the wish': assign({ wish: undefined }),
    'forget the target': assign({ target: undefined }),
    'count the start from now': assign({ startedAt: ({ context }) => context.now() }),
    'follow the catalogue': assign(({ context }, { models }: { models: Models }) => ({
      models,
      failures: forgetChanged(context, models),
      wish: context.wish !== undefined && models[context.wish] ? context.wish : undefined,
      model: follow(context, models),
    })),
    'note the sight': enqueueActions(({ context, enqueue }, { sight }: { sight: Sight }) => {
      const refusals = rememberRefusals(context, sight.refusals)
      const fresh = Object.keys(refusals).filter((name) => !context.refusals[name])
      enqueue.assign({ observed: sight.observed, leads: sight.leads, refusals })
      if (fresh.length > 0) {
        enqueue.emit({ type: 'models refused', backend: context.backend, models: fresh })
      }
    }),
    'take its place': assign({ observed: { found: 'nothing' } }),
    adopt: assign(({ context }) => {
      const { observed, models, generation, now } = context
      if (observed.found !== 'ready' && observed.found !== 'starting') return {}
      const facts = models[observed.model]
      return {
        model: facts && { ...facts, revision: observed.revision },
        endpoints: observed.found === 'ready' ? observed.endpoints : [],
        generation: generation + 1,
        startedAt: now() - ((observed.found === 'starting' && observed.elapsedMs) || 0),
        residentSince: now(),
        usedAt: now(),
        observed: { found: 'nothing' as const },
        because: foundBecause(context),
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
    'turn to the wish': assign(({ context: { wish } }) => ({
      target: wish,
      because: `${wish}: an operator asked for it`,
    })),
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
        isShort: false,
        usedAt: now(),
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
    'tell who is preempted': emit(({ context }) => ({
      type: 'preempted',
      backend: context.backend,
      model: context.model?.name ?? '',
      target: context.target ?? context.room?.waiting[0]?.model ?? '',
    })),
    'tell that it will not go': emit(({ context }) => ({
      type: 'unload overdue',
      backend: context.backend,
      model: context.model?.name ?? '',
    })),
    'rest cold': assign(({ context }) => ({
      model: undefined,
      target: undefined,
      endpoints: [],
      phase: undefined,
      phaseDetail: undefined,
      isShort: false,
      grant: undefined,
      room: undefined,
      makesRoom: false,
      // An operator's stop that could not be brought to its end is none that was obeyed.
      down: !context.leads && context.down,
    })),
    'tell that it is cold': emit(({ context }) => ({ type: 'cold', backend: context.backend })),
    'set the alarm': enqueueActions(({ context, enqueue }) => {
      enqueue(cancel('reconsider'))
      if (!context.model || context.demand.openFor !== context.generation) return
      const answer = consult(context, context.model.name)
      const turnAt = (answer.decision === 'stay' && answer.reconsiderAt) || Infinity
      const crowded = crowdedAt(context) ?? Infinity
      const at = Math.min(turnAt, crowded > context.now() ? crowded : Infinity)
      if (at === Infinity) return
      const delay = Math.max(1, Math.ceil(at - context.now()))
      enqueue(raise({ type: 'reconsider' }, { id: 'reconsider', delay }))
    }),
  },
})

function warmth(
  { dismissed }: BackendContext,
  warm: Warm | undefined,
): Pick<BackendContext, 'warm' | 'warmWish' | 'dismissed'> {
  const warmWish = warm?.id
  return warmWish !== undefined && warmWish === dismissed
    ? { warm: undefined, warmWish, dismissed }
    : { warm, warmWish, dismissed: undefined }
}

function foundBecause({ generation }: BackendContext): string {
  return generation === 0 ? 'it was found at the start of the program' : 'it was found running'
}

/** A new start: a new generation, and nothing of the last one. */
function aim(context: BackendContext, name: string, why: string): Partial<BackendContext> {
  return {
    model: context.models[name],
    target: undefined,
    copy: undefined,
    endpoints: [],
    generation: context.generation + 1,
    startedAt: context.now(),
    phase: undefined,
    phaseDetail: undefined,
    isShort: false,
    because: why,
  }
}

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
