import {
  chooseBackend,
  chooseCopy,
  crowdedAt,
  isInLine,
  turnCostMs,
  type BackendDefinition,
  type BackendFact,
  type BackendView,
} from '../../machines/index.ts'
import type { ChillError } from '../errors/index.ts'
import { viewOf, type BackendActor, type PoolContext } from './backends.ts'
import type { Clock } from './clock.ts'
import type { Gate } from './gate.ts'
import { gpuWaitOf, type GpuWait } from './gpu-wait.ts'
import { backendHeld, modelFailed, modelPinned, noBackendMayServe } from './refusals.ts'
import type { Log } from './settings.ts'
import type { Waiter } from './waiting-line.ts'

/** A waiter in some gate; it may be moved to another one. */
export interface Movable extends Waiter {
  gate: Gate
}

export interface RoutingOptions {
  readonly definitions: readonly BackendDefinition[]
  readonly gates: ReadonlyMap<string, Gate>
  /** Filled as the fleet spawns them. */
  readonly backends: ReadonlyMap<string, BackendActor>
  /** By the name of the pool; empty before the fleet has seen what is there. */
  readonly pools: () => Readonly<Record<string, PoolContext>>
  readonly whenPinned: 'refuse' | 'wait'
  readonly clock: Clock
  readonly log: Log
}

export type Routing = ReturnType<typeof createRouting>

/** Which gate a model's requests wait at, and who must move or go when a fact changes that. */
export function createRouting(options: RoutingOptions) {
  const { definitions, gates, backends, pools, whenPinned, clock, log } = options
  const views = () => {
    const byName = pools()
    return definitions.map((each) =>
      viewOf(each, gates.get(each.name)!, backends.get(each.name), byName[each.pool?.name ?? '']),
    )
  }

  /** Throws the refusal when no backend takes the model now. */
  function gateFor(model: string): Gate {
    const { chosen, because } = chooseBackend(model, views())
    if (chosen) return gates.get(chosen.name)!
    if (because === 'pinned') return gateBehindPins(model)
    if (because === 'held') throw backendHeld(model)
    if (because === 'nobody may') throw noBackendMayServe(model)
    throw lastFailure(model)
  }

  /** Where a model waits for a pin to be taken off, if it may. */
  function gateBehindPins(model: string): Gate {
    const all = views()
    const { chosen } = chooseBackend(
      model,
      all.map((view) => Object.assign(view, { pinned: false, roomMs: Math.min(view.roomMs, 1) })),
    )
    if (chosen && whenPinned === 'wait') return gates.get(chosen.name)!
    throw behindPins(model, all)
  }

  function behindPins(model: string, all: readonly BackendView[]): ChillError {
    const able = all.filter(({ models }) => models?.includes(model) ?? true)
    return modelPinned(model, [...new Set(able.flatMap(pinnedBefore))])
  }

  /** The models that keep others off the backend, or off the GPUs that it needs. */
  function pinnedBefore({ name, heading: its, cold }: BackendView): readonly string[] {
    if (its !== undefined && !cold) return [its]
    const pool = definitions.find((each) => each.name === name)?.pool
    const members = pool && pools()[pool.name]?.members
    return Object.values(members ?? {}).flatMap((each) => (each.pinned && each.model) || [])
  }

  /** Of the backends where it fails, the one that may try again first speaks. */
  function lastFailure(model: string): ChillError {
    const [failure] = [...backends.values()]
      .map((actor) => actor.getSnapshot().context)
      .flatMap(({ failures, refusals }) => refusals[model] ?? failures[model] ?? [])
      .sort((a, b) => a.retryAt - b.retryAt)
    return failure ? modelFailed(failure, clock.now()) : noBackendMayServe(model)
  }

  /** Operators may wake what is failing or held: that is what clears it. */
  function backendForWish(model: string): string {
    const willing = views().map((view) =>
      Object.assign(view, { held: false, pinned: false, failing: () => false }),
    )
    const { chosen, because } = chooseBackend(model, willing)
    if (chosen) return chosen.name
    // A switch takes the place of a pinned model; the GPUs of one on another backend it does not take.
    throw because === 'pinned' ? behindPins(model, willing) : noBackendMayServe(model)
  }

  /** The open gate of the model with the least to do; the warm path asks nothing else. */
  function openGate(model: string): Gate | undefined {
    let best: Gate | undefined
    for (const gate of gates.values()) {
      if (gate.openModel !== model) continue
      if (!best || gate.load < best.load) best = gate
    }
    return best
  }

  const settle = (fact: BackendFact): void => moving(() => follow(fact))

  function follow(fact: BackendFact): void {
    const gate = gates.get(fact.backend)!
    switch (fact.type) {
      case 'start failed':
        return moveOrRefuse(gate, fact.failure.model)
      case 'models refused':
        for (const model of fact.models) moveOrRefuse(gate, model)
        return
      case 'held':
        for (const { model } of gate.waiting()) moveOrRefuse(gate, model)
        return
      case 'ready':
        rebalance()
        return turnAway()
      case 'cold':
        return rebalance()
      case 'preempted':
        return preempt(gate, fact.model, fact.target)
      case 'crowded':
        return reviewCopies()
      case 'drain overdue':
        return tellWhoBlocks(gate, fact.model, fact.cut)
      case 'unload overdue': {
        const what = `${fact.backend}: ${fact.model} does not give its GPU back; still trying`
        return log.error({ ...fact }, what)
      }
      case 'replica lost':
        return log.warn({ ...fact }, `${fact.backend}: ${fact.model} was lost: ${fact.message}`)
    }
  }

  function tellWhoBlocks(gate: Gate, model: string, cut: boolean): void {
    const blocking = gate.leases.map(({ request: { id, path } }) => ({ id, path }))
    const what = `${gate.backend}: the drain deadline is over, ${blocking.length} request(s) still run`
    log.warn({ backend: gate.backend, model, blocking, cut }, what)
    if (cut) gate.cut('the drain deadline is over')
  }

  function preempt(gate: Gate, model: string, target: string): void {
    const cut = gate.leases.map(({ request: { id, path } }) => ({ id, path }))
    const isReload = model === target
    const why = isReload ? 'its reload' : target
    const what = `${gate.backend}: ${cut.length} request(s) of ${model} are cut for ${why} (preemptAfter)`
    log.warn({ backend: gate.backend, model, target, cut }, what)
    gate.cut(
      isReload
        ? `the reload of ${model} has waited preemptAfter`
        : `somebody has waited preemptAfter for ${target}`,
    )
  }

  /** Whoever waits for a model that a pin keeps out is told so, if that is not to be waited for. */
  function turnAway(): void {
    if (whenPinned === 'wait') return
    moving(() => {
      for (const gate of gates.values()) {
        for (const { model } of gate.waiting()) {
          if (chooseBackend(model, views()).because === 'pinned') moveOrRefuse(gate, model)
        }
      }
    })
  }

  let isMoving = false
  let isAskedAgain = false

  /**
   * Who is moved makes charts turn at this very moment, and each turn asks to rebalance: that is done once
   * all are moved, and not without end, as the next event asks again.
   */
  function moving(move: () => void): void {
    if (isMoving) return move()
    isMoving = true
    try {
      move()
      for (let round = 0; isAskedAgain && round < gates.size; round++) {
        isAskedAgain = false
        balance()
      }
    } finally {
      isMoving = isAskedAgain = false
    }
  }

  function rebalance(): void {
    if (gates.size < 2) return
    if (isMoving) isAskedAgain = true
    else moving(balance)
  }

  function move(waiters: readonly Waiter[], to: Gate): void {
    for (const waiter of waiters as readonly Movable[]) {
      waiter.gate = to
      to.enqueue(waiter)
    }
  }

  function moveOrRefuse(gate: Gate, model: string): void {
    for (const waiter of gate.takeAll(model) as Movable[]) {
      try {
        waiter.gate = gateFor(model)
      } catch (error) {
        waiter.refuse(error as ChillError)
        continue
      }
      waiter.gate.enqueue(waiter)
    }
  }

  /** Who queues at a backend that does not turn to its model moves to one that has it, or nothing to do. */
  function balance(): void {
    for (const gate of gates.values()) {
      for (const { model } of gate.waiting()) {
        const all = views()
        const here = all.find(({ name }) => name === gate.backend)!
        if (here.heading === model && !isInLine(here)) continue
        const { chosen, because } = chooseBackend(model, all)
        if (!chosen || chosen.name === gate.backend || because === 'needs room') continue
        // From one line for GPUs to another nothing is won.
        if (here.heading === model && isInLine(chosen)) continue
        if (because === 'would switch') {
          // Where they would go everybody else must be done, or two backends would send them to and fro.
          const isBetter = turnCostMs(model, chosen, all) < turnCostMs(model, here, all)
          if (chosen.load > 0 || !isBetter) continue
        }
        move(gate.takeAll(model), gates.get(chosen.name)!)
      }
    }
    reviewCopies()
  }

  /** Places that nobody waits for at this gate go to those who wait for its model at others, by age. */
  function spread(gate: Gate, model: string): void {
    if (gates.size < 2) return
    while (gate.openModel === model && gate.hasRoom) {
      let oldest: { gate: Gate; at: number } | undefined
      for (const other of gates.values()) {
        const at = other === gate ? undefined : other.oldestFor(model)
        if (at !== undefined && (!oldest || at < oldest.at)) oldest = { gate: other, at }
      }
      const waiter = oldest?.gate.takeFirst(model)
      if (!waiter) return
      move([waiter], gate)
    }
  }

  /** Asks for a second copy of what one backend cannot keep up with, and takes that back when it can. */
  function reviewCopies(): void {
    if (gates.size < 2) return
    const crowded = new Set<string>()
    for (const actor of backends.values()) {
      const { context } = actor.getSnapshot()
      const isCrowded = (crowdedAt(context) ?? Infinity) <= context.now()
      if (isCrowded && context.model) crowded.add(context.model.name)
    }
    for (const actor of backends.values()) {
      const { copy } = actor.getSnapshot().context
      if (copy === undefined) continue
      if (!crowded.delete(copy)) actor.send({ type: 'copy wanted', model: undefined })
    }
    for (const model of crowded) {
      const chosen = chooseCopy(model, views())
      if (chosen) backends.get(chosen.name)?.send({ type: 'copy wanted', model })
    }
  }

  /** What a backend waits for, whose GPUs others of its pool hold. */
  function gpuWaitIn(backend: string): GpuWait | undefined {
    const pool = definitions.find(({ name }) => name === backend)?.pool
    const context = pool && pools()[pool.name]
    return context && gpuWaitOf(backend, context)
  }

  return {
    gates,
    backends,
    gateFor,
    backendForWish,
    gpuWaitIn,
    openGate,
    settle,
    rebalance,
    spread,
    turnAway,
  }
}
