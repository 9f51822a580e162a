import { chooseBackend, type BackendDefinition, type BackendFact } from '../../machines/index.ts'
import type { ChillError } from '../errors/index.ts'
import { heading, viewOf, type BackendActor } from './backends.ts'
import type { Clock } from './clock.ts'
import type { Gate } from './gate.ts'
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
  readonly whenPinned: 'refuse' | 'wait'
  readonly clock: Clock
  readonly log: Log
}

export type Routing = ReturnType<typeof createRouting>

/** Which gate a model's requests wait at, and who must move or go when a fact changes that. */
export function createRouting(options: RoutingOptions) {
  const { definitions, gates, backends, whenPinned, clock, log } = options
  const views = () =>
    definitions.map((each) => viewOf(each, gates.get(each.name)!, backends.get(each.name)))

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
      all.map((view) => Object.assign(view, { pinned: false })),
    )
    if (chosen && whenPinned === 'wait') return gates.get(chosen.name)!
    const able = all.filter(({ models }) => models?.includes(model) ?? true)
    throw modelPinned(model, [...new Set(able.flatMap(({ heading }) => heading ?? []))])
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
    const { chosen } = chooseBackend(model, willing)
    if (!chosen) throw noBackendMayServe(model)
    return chosen.name
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

  function settle(fact: BackendFact): void {
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
    const what = `${gate.backend}: ${cut.length} request(s) of ${model} are cut for ${target} (preemptAfter)`
    log.warn({ backend: gate.backend, model, target, cut }, what)
    gate.cut(`somebody has waited preemptAfter for ${target}`)
  }

  /** Whoever waits for a model that a pin keeps out is told so, if that is not to be waited for. */
  function turnAway(): void {
    if (whenPinned === 'wait') return
    for (const gate of gates.values()) {
      for (const { model } of gate.waiting()) {
        if (chooseBackend(model, views()).because === 'pinned') moveOrRefuse(gate, model)
      }
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
  function rebalance(): void {
    if (gates.size < 2) return
    for (const gate of gates.values()) {
      const snapshot = backends.get(gate.backend)?.getSnapshot()
      for (const { model } of gate.waiting()) {
        if (snapshot && heading(snapshot) === model) continue
        const { chosen, because } = chooseBackend(model, views())
        if (!chosen || chosen.name === gate.backend) continue
        if (because === 'would switch' && chosen.load > 0) continue
        moveOrRefuse(gate, model)
      }
    }
  }

  return { gates, backends, gateFor, backendForWish, openGate, settle, rebalance, turnAway }
}
