import type { BackendFact } from '../../machines/index.ts'
import type { PhaseReached, Transition } from '../admission/index.ts'
import type { RequestRecord } from '../proxy/index.ts'
import type { Instruments } from './instruments.ts'
import {
  coldStartPhases,
  drainOutcomes,
  failureReasons,
  switchReasonOf,
  switchReasons,
  type DrainOutcome,
} from './words.ts'

const perSecond = 1_000
/** Whoever was waiting is sent on within this from the moment the gate opens, ms. */
const atOnceMs = 1_000

const starting = new Set(['creatingResources', 'scalingUp'])
const unloading = new Set([
  'idle.scalingDown',
  'idle.scalingDownFailed',
  'switchingModel.unloading',
  'switchingModel.unloadingFailed',
])

/** What a backend is in the middle of; times of the admission's clock, ms. */
interface Life {
  start: { phase: PhaseReached['phase']; phaseAt: number } | undefined
  turn: { readonly from: string; to: string; readonly at: number } | undefined
  drain: { readonly at: number; end: DrainOutcome } | undefined
  unloadAt: number | undefined
  /** The residence of which no answer to somebody who waited is over yet. */
  fresh: { readonly model: string; readonly at: number } | undefined
}

/** Follows each backend through starts, switches, drains and unloads, and counts how they end. */
export function countLives(into: Instruments, now: () => number) {
  const lives = new Map<string, Life>()
  showZeros(into)

  function lifeOf(backend: string): Life {
    let life = lives.get(backend)
    if (!life) {
      life = {
        start: undefined,
        turn: undefined,
        drain: undefined,
        unloadAt: undefined,
        fresh: undefined,
      }
      lives.set(backend, life)
    }
    return life
  }

  function endPhase({ start }: Life): void {
    if (!start) return
    const seconds = (now() - start.phaseAt) / perSecond
    into.vllm_chill_cold_start_seconds.series({ phase: start.phase }).observe(seconds)
  }

  function endTurn(life: Life, status: 'success' | 'failure' | 'cancelled'): void {
    const { turn } = life
    if (!turn) return
    life.turn = undefined
    const models = { from_model: turn.from, to_model: turn.to }
    into.vllm_chill_model_switches_total.inc({ ...models, status })
    if (status !== 'success') return
    const seconds = (now() - turn.at) / perSecond
    into.vllm_chill_model_switch_duration_seconds.series(models).observe(seconds)
  }

  function endStart(life: Life, status: 'success' | 'failure' | 'cancelled'): void {
    if (!life.start) return
    life.start = undefined
    into.vllm_chill_scale_operations_total.inc({ direction: 'up', status })
  }

  function endDrain(life: Life, to: string): void {
    if (!life.drain) return
    const outcome = unloading.has(to) ? life.drain.end : 'called_off'
    const seconds = (now() - life.drain.at) / perSecond
    into.vllm_chill_drain_duration_seconds.series({ outcome }).observe(seconds)
    life.drain = undefined
  }

  function endUnload(life: Life): void {
    if (life.unloadAt === undefined) return
    const seconds = (now() - life.unloadAt) / perSecond
    life.unloadAt = undefined
    into.vllm_chill_scale_operations_total.inc({ direction: 'down', status: 'success' })
    into.vllm_chill_scale_operation_duration_seconds.series({ direction: 'down' }).observe(seconds)
    into.vllm_chill_vllm_shutdown_duration_seconds.series({}).observe(seconds)
  }

  function leave(life: Life, { from, to, because }: Transition): void {
    if (isDrain(from) && !isDrain(to)) endDrain(life, to)
    if (starting.has(from) && !starting.has(to) && !isReady(to)) {
      endStart(life, 'cancelled')
      endTurn(life, 'cancelled')
    }
    if (isSwitch(from) && !isSwitch(to) && to !== 'creatingResources') endTurn(life, 'cancelled')
    if (unloading.has(from) && !unloading.has(to)) {
      // What another program does from here on is not ours to count.
      if (because.startsWith('another program')) life.unloadAt = undefined
      else endUnload(life)
    }
  }

  function enter(life: Life, { from, to, model, target, because }: Transition): void {
    if (isSwitch(to) && !isSwitch(from)) {
      life.turn = { from: model ?? 'none', to: target ?? 'none', at: now() }
      into.vllm_chill_switches_total.inc({ reason: switchReasonOf(because) })
    }
    if (isDrain(to)) life.drain ??= { at: now(), end: 'done' }
    if (unloading.has(to)) life.unloadAt ??= now()
    if (starting.has(to) && !starting.has(from)) {
      life.start = { phase: 'resources', phaseAt: now() }
      if (life.turn && model !== undefined) life.turn.to = model
    }
    if (!isReady(to)) life.fresh = undefined
  }

  function onReady(life: Life, model: string, loadMs: number): void {
    // What was found ready has taken nobody's time.
    if (life.start) {
      const seconds = loadMs / perSecond
      endPhase(life)
      into.vllm_chill_vllm_startup_duration_seconds.series({}).observe(seconds)
      into.vllm_chill_scale_operation_duration_seconds.series({ direction: 'up' }).observe(seconds)
      life.fresh = { model, at: now() }
    }
    endStart(life, 'success')
    endTurn(life, 'success')
  }

  return {
    onTransition(transition: Transition): void {
      const life = lifeOf(transition.backend)
      leave(life, transition)
      enter(life, transition)
    },

    onPhase({ backend, phase }: PhaseReached): void {
      const life = lifeOf(backend)
      if (!life.start || life.start.phase === phase) return
      endPhase(life)
      life.start = { phase, phaseAt: now() }
    },

    onFact(fact: BackendFact): void {
      const life = lifeOf(fact.backend)
      if (fact.type === 'ready') {
        onReady(life, fact.model, fact.loadMs)
      } else if (fact.type === 'start failed') {
        into.vllm_chill_start_failures_total.inc({ reason: fact.failure.reason })
        endStart(life, 'failure')
        endTurn(life, 'failure')
      } else if (fact.type === 'drain overdue') {
        into.vllm_chill_drains_overdue_total.inc()
        if (life.drain && fact.cut) life.drain.end = 'cut'
      } else if (fact.type === 'preempted') {
        if (life.drain) life.drain.end = 'preempted'
      } else if (fact.type === 'unload overdue') {
        into.vllm_chill_scale_operations_total.inc({ direction: 'down', status: 'failure' })
      } else if (fact.type === 'replica lost') {
        into.vllm_chill_replicas_lost_total.inc()
      }
    },

    /** The first answer to somebody who waited for the start tells how long the first token took. */
    onRequest(record: RequestRecord): void {
      const { backend, model, waitedMs, forwardedMs, firstByteMs, durationMs } = record
      if (waitedMs <= 0 || backend === undefined) return
      if (forwardedMs === undefined || firstByteMs === undefined) return
      const life = lifeOf(backend)
      const { fresh } = life
      if (!fresh || fresh.model !== model) return
      const forwardedAt = now() - durationMs + forwardedMs
      if (Math.abs(forwardedAt - fresh.at) > atOnceMs) return
      life.fresh = undefined
      const seconds = (firstByteMs - forwardedMs) / perSecond
      into.vllm_chill_cold_start_seconds.series({ phase: 'first_token' }).observe(seconds)
    },
  }
}

/** What has not happened yet is told as 0, so that its first time is seen as an increase. */
function showZeros(into: Instruments): void {
  for (const phase of coldStartPhases) into.vllm_chill_cold_start_seconds.series({ phase })
  for (const outcome of drainOutcomes) into.vllm_chill_drain_duration_seconds.series({ outcome })
  for (const reason of failureReasons) into.vllm_chill_start_failures_total.inc({ reason }, 0)
  for (const reason of switchReasons) into.vllm_chill_switches_total.inc({ reason }, 0)
  for (const direction of ['up', 'down']) {
    into.vllm_chill_scale_operation_duration_seconds.series({ direction })
    for (const status of ['success', 'failure']) {
      into.vllm_chill_scale_operations_total.inc({ direction, status }, 0)
    }
  }
}

function isReady(state: string): boolean {
  return state.startsWith('ready')
}

function isSwitch(state: string): boolean {
  return state.startsWith('switchingModel')
}

function isDrain(state: string): boolean {
  return state.endsWith('.draining')
}
