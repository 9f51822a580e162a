import { createActor, type ActorRefFrom } from 'xstate'
import type {
  BackendDefinition,
  BackendFact,
  Driver,
  fleetMachine,
  Models,
  StartPhase,
  SwitchPolicy,
} from '../../machines/index.ts'
import { stateName, type BackendActor } from './backends.ts'
import type { Clock } from './clock.ts'
import { chartsWith } from './effects.ts'
import type { Gate } from './gate.ts'
import type { Log } from './settings.ts'

/** A step of a backend's chart, for the log, metrics and the event stream. */
export interface Transition {
  readonly backend: string
  readonly from: string
  readonly to: string
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
  readonly phase: StartPhase
}

export interface SupervisionOptions {
  readonly driver: Driver
  readonly definitions: readonly BackendDefinition[]
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
  const fleet = createActor(chartsWith(driver, gates, clock), {
    input: {
      backends: options.definitions,
      models: options.models,
      policy: options.policy,
      now: () => clock.now(),
      leads: driver.follow === undefined,
    },
    clock: {
      setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
      clearTimeout: (timer: unknown) => clock.clearTimeout(timer),
    },
  })

  const follow = (name: string, actor: BackendActor) => {
    backends.set(name, actor)
    since.set(name, clock.now())
    let last = stateName(actor.getSnapshot().value)
    let lastPhase: StartPhase | undefined
    actor.on('*', options.onFact)
    actor.subscribe({
      next: (snapshot) => {
        const state = stateName(snapshot.value)
        const { model, target, generation, because, phase } = snapshot.context
        const reached = phase !== lastPhase && phase !== undefined
        lastPhase = phase
        if (reached) options.onPhase({ backend: name, phase })
        if (state === last) return
        const now = clock.now()
        const transition: Transition = {
          backend: name,
          from: last,
          to: state,
          model: model?.name,
          target,
          generation,
          because,
          afterMs: Math.round(now - (since.get(name) ?? now)),
        }
        last = state
        since.set(name, now)
        // Between serving and quiet it goes with every request: not worth a line.
        const level =
          transition.from.startsWith('ready') && state.startsWith('ready') ? 'debug' : 'info'
        log[level]({ ...transition }, `${name}: ${transition.from} → ${state}, ${because}`)
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
  fleet.start()
  return { fleet, since }
}
