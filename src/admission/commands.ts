import type { ActorRefFrom } from 'xstate'
import type { BackendDefinition, Driver, fleetMachine } from '../../machines/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'
import type { Routing } from './routing.ts'

export function assertBackend(name: string, backends: ReadonlyMap<string, unknown>): void {
  if (backends.has(name)) return
  const known = [...backends.keys()].join(', ')
  throw new ChillError('bad_request', `no backend is named ${name}; there are: ${known}`, {
    param: 'backend',
  })
}

/** What operators may tell the fleet. All return at once; unknown names throw, nothing is sent then. */
export function createCommands(
  fleet: ActorRefFrom<typeof fleetMachine>,
  { gates, backends, backendForWish, turnAway }: Routing,
  definitions: readonly BackendDefinition[],
  catalogue: Catalogue,
  driver: Driver,
) {
  function modelNamed(name: string): string {
    const found = catalogue.find(name)
    if (found) return found.name
    const known = [...catalogue.models.keys()].join(', ') || '(none)'
    throw new ChillError('model_not_found', `no model is named ${name}; known: ${known}`)
  }

  function backendNamed(name: string): string {
    assertBackend(name, gates)
    return name
  }

  function assertMayServe(backend: string, model: string): void {
    const models = definitions.find(({ name }) => name === backend)?.models
    if (!models || models.includes(model)) return
    throw new ChillError('bad_request', `backend ${backend} may not serve model ${model}`)
  }

  function assertPossible(backend: string, model: string): void {
    const refusal = backends.get(backend)?.getSnapshot().context.refusals[model]
    if (refusal) throw new ChillError('bad_request', `backend ${backend}: ${refusal.message}`)
  }

  /** A command to one that only follows would be forgotten, or done when nobody expects it any more. */
  function assertLeads(): void {
    const actors = [...backends.values()]
    if (actors.length === 0 || actors.some((actor) => actor.getSnapshot().context.leads)) return
    const who = driver.leader?.()
    throw new ChillError(
      'not_leading',
      `this program only follows; ${who === undefined ? 'none leads at the moment: try again' : `${who} leads: ask it`}`,
    )
  }

  /** Takes the hold off and, when a model is named, loads it; an earlier failure is forgotten. */
  function start(command: { backend?: string; model?: string }): void {
    assertLeads()
    const model = command.model === undefined ? undefined : modelNamed(command.model)
    let { backend } = command
    if (backend !== undefined) backendNamed(backend)
    else if (model !== undefined) backend = backendForWish(model)
    if (backend !== undefined && model !== undefined) assertMayServe(backend, model)
    if (backend !== undefined && model !== undefined) assertPossible(backend, model)
    for (const name of backend === undefined ? gates.keys() : [backend]) {
      const wish = model === undefined ? {} : { model }
      fleet.send({ type: 'operator starts', backend: name, ...wish })
    }
  }

  /** Drains and gives the GPU back; with `hold` it stays down until it is started. Names the backends that are told. */
  function stop(command: { backend?: string; model?: string; hold?: boolean }): readonly string[] {
    assertLeads()
    const hold = command.hold ?? false
    if (command.backend === undefined && command.model === undefined) {
      fleet.send({ type: 'operator stops', hold })
      return [...gates.keys()]
    }
    const stopped =
      command.backend === undefined
        ? backendsWith(modelNamed(command.model!))
        : [backendNamed(command.backend)]
    for (const backend of stopped) fleet.send({ type: 'operator stops', backend, hold })
    return stopped
  }

  function backendsWith(model: string): string[] {
    return [...backends]
      .filter(([, actor]) => actor.getSnapshot().context.model?.name === model)
      .map(([name]) => name)
  }

  const pinned = new Set(definitions.flatMap(({ settings }) => settings.pinned))

  /** A pinned model makes room for no other while it is loaded; known to this program alone, until it ends. */
  function pin(command: { model: string; pinned: boolean }): void {
    assertLeads()
    const model = modelNamed(command.model)
    if (command.pinned) pinned.add(model)
    else pinned.delete(model)
    fleet.send({ type: 'pins changed', pinned: [...pinned] })
    turnAway()
  }

  return {
    start,
    stop,
    pin,
    switchTo: (model: string) => start({ model }),
    pinned: (): readonly string[] => [...pinned],
  }
}
