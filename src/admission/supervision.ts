import { createActor, type ActorRefFrom, type AnyActorRef } from 'xstate'
import type {
  BackendDefinition,
  BackendFact,
  Driver,
  fleetMachine,
  Models,
  PoolDefinition,
  StartPhase,
  SwitchPolicy,
} from '../../machines/index.ts'
import { stateName, type BackendActor, type BackendSnapshot } from './backends.ts'
import type { Clock } from './clock.ts'
import { chartsWith } from './effects.ts'
import type { Gate } from './gate.ts'
import { followMoves, type Edge } from './moves.ts'
import type { Log } from './settings.ts'

/** A step of a backend's chart, for the log, metrics and the event stream. */
export interface Transition {
  readonly backend: string
  readonly from: string
  readonly to: string
  /** What happened, as the chart names it: `demand changed`, `bring replicas up is done`. */
  readonly event: string
  /** The arrow of the chart that was taken last, with its guard. */
  readonly edge?: Edge | undefined
  readonly model: string | undefined
  /** Where a switch leads. */
  readonly target: string | undefined
  readonly generation: number
  readonly because: string
  /** ms that the state left had lasted. */
  readonly afterMs: number
}

/** A start has come so far. */
export interface PhaseReached {
  readonly backend: string
  readonly model: string
  readonly phase: StartPhase
  /** What it waits for there, where that is unusual. */
  readonly detail?: string | undefined
  /** ms since the start began, and that starts of this model usually take. */
  readonly elapsedMs: number
  readonly usualMs?: number | undefined
}

export interface SupervisionOptions {
  readonly driver: Driver
  readonly definitions: readonly BackendDefinition[]
  readonly pools: readonly PoolDefinition[]
  readonly models: Models
  readonly policy: SwitchPolicy
  readonly gates: ReadonlyMap<string, Gate>
  /** Filled here, as the fleet spawns them. */
  readonly backends: Map<string, BackendActor>
  readonly clock: Clock
  readonly log: Log
  readonly onFact: (fact: BackendFact) => void
  readonly onTransition: (transition: Transition) => void
  readonly onPhase: (reached: PhaseReached) => void
  /** One more is there. */
  readonly onBackend: () => void
  /** Given the fleet's actor before it starts, to look into it and all that it spawns. */
  readonly onActor?: ((root: AnyActorRef) => void) | undefined
  /** A defect has ended the charts: nothing is started, switched or stopped any more. */
  readonly onFailure: () => void
}

export interface Supervision {
  readonly fleet: ActorRefFrom<typeof fleetMachine>
  /** Clock of the state each backend is in, ms. */
  readonly since: ReadonlyMap<string, number>
}

/** Starts the fleet's actor and listens: backends appear once it has seen what is really there. */
export function supervise(options: SupervisionOptions): Supervision {
  const { driver, gates, backends, clock, log } = options
  const since = new Map<string, number>()
  const moves = followMoves()
  const fleet = createActor(chartsWith(driver, gates, clock), {
    input: {
      backends: options.definitions,
      pools: options.pools,
      models: options.models,
      policy: options.policy,
      now: () => clock.now(),
      leads: driver.follow === undefined,
    },
    clock: {
      setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
      clearTimeout: (timer: unknown) => clock.clearTimeout(timer),
    },
    inspect: (step) => moves.inspect(step),
  })

  const follow = (name: string, actor: BackendActor) => {
    backends.set(name, actor)
    since.set(name, clock.now())
    let last = stateName(actor.getSnapshot().value)
    let lastPhase: string | undefined
    moves.take(actor.sessionId)
    actor.on('*', options.onFact)
    actor.subscribe({
      next: (snapshot) => {
        const state = stateName(snapshot.value)
        const { model, target, generation, because } = snapshot.context
        const { event, edge } = moves.take(actor.sessionId)
        const now = clock.now()
        const reached = phaseOf(name, snapshot, now)
        const phase = reached && `${generation} ${reached.phase} ${reached.detail}`
        if (reached && phase !== lastPhase) options.onPhase(reached)
        lastPhase = phase
        if (state === last) return
        const isStep = last.startsWith('ready') && state.startsWith('ready')
        const transition: Transition = {
          backend: name,
          from: last,
          to: state,
          event,
          edge,
          model: model?.name,
          target,
          generation,
          because: isStep ? (edge?.guard ?? because) : because,
          afterMs: Math.round(now - (since.get(name) ?? now)),
        }
        last = state
        since.set(name, now)
        // Between serving and quiet it goes with every request: not worth a line.
        const level = isStep ? 'debug' : 'info'
        const { edge: _, ...logged } = transition
        log[level](logged, `${name}: ${transition.from} → ${state}, ${transition.because}`)
        options.onTransition(transition)
      },
      error: (error) => log.error({ backend: name, err: error }, `${name}: the actor failed`),
    })
    // Told before anybody could hear it.
    const refused = Object.keys(actor.getSnapshot().context.refusals)
    if (refused.length > 0) {
      options.onFact({ type: 'models refused', backend: name, models: refused })
    }
    // Who asked while nobody knew yet what is there.
    const gate = gates.get(name)
    if (gate) actor.send({ type: 'demand changed', demand: gate.demand() })
    options.onBackend()
  }

  fleet.on('observation failed', ({ message }) =>
    log.error({ message }, `cannot tell what is running, so nothing is started yet: ${message}`),
  )
  fleet.subscribe({
    next: ({ context }) => {
      for (const [name, actor] of Object.entries(context.spawned)) {
        if (!backends.has(name)) follow(name, actor)
      }
    },
    error: (error) => {
      log.error({ err: error }, `the charts failed: ${(error as Error).message}`)
      options.onFailure()
    },
  })
  options.onActor?.(fleet)
  fleet.start()
  return { fleet, since }
}

function phaseOf(
  backend: string,
  { context }: BackendSnapshot,
  now: number,
): PhaseReached | undefined {
  const { model, phase, phaseDetail, startedAt, costs } = context
  if (!model || phase === undefined) return undefined
  const usualMs = costs[model.name]
  return {
    backend,
    model: model.name,
    phase,
    detail: phaseDetail,
    elapsedMs: Math.round(now - startedAt),
    usualMs: usualMs && Math.round(usualMs),
  }
}
