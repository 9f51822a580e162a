import { untilAborted } from '../engine/index.ts'
import type { StartParts } from './bring-up.ts'
import { scale } from './scale.ts'
import { lookAgainMs } from './view.ts'

/** Between two questions to an engine that other programs' requests keep at work. */
const engineRecheckMs = 500
/** Somebody who scales it up more often while it is brought down is stronger. */
const mostScales = 3

/** `scaling` is told of each write: once begun it is done, even if the program ends meanwhile. */
export interface StopParts extends StartParts {
  readonly closing: AbortSignal
  readonly scaling: (write: Promise<unknown>) => void
}

/** Replicas down, until the last pod is gone from the API. @throws NotLeading */
export async function takeDown(parts: StopParts, signal: AbortSignal): Promise<void> {
  const { view, leadership, place, options } = parts
  leadership.assertLeads()
  await view.world.synced
  const before = view.observed()
  const isGone = before.found === 'nothing' && (await view.refresh())
  if (isGone && view.observed().found === 'nothing') {
    await leadership.note(place.backend, undefined)
    return
  }
  if (leadership.progress[place.backend]?.doing !== 'leaving') {
    await leadership.note(place.backend, { doing: 'leaving', since: new Date().toISOString() })
  }
  if (before.found === 'ready') await untilOthersEnded(parts, signal)
  let scales = 0
  let isFresh = false
  for (;;) {
    signal.throwIfAborted()
    leadership.assertLeads()
    if (scales === 0 || (isFresh && view.replicas > 0)) {
      if (scales === mostScales) {
        throw new Error(`somebody scales ${place.deployment} up while it is brought down`)
      }
      if (scales > 0) {
        const what = `${place.deployment} was scaled up while it is brought down`
        options.log.warn({ backend: place.backend }, what)
      }
      scales++
      await scaleDown(parts, signal)
      isFresh = await view.refresh()
    }
    const changed = view.world.change(signal, lookAgainMs)
    changed.catch(() => undefined)
    if (isFresh && view.replicas === 0 && view.look().present === 0) break
    isFresh = await view.next(changed, isFresh)
  }
  await leadership.note(place.backend, undefined)
}

async function scaleDown(
  { options: { api }, leadership, place, closing, scaling }: StopParts,
  signal: AbortSignal,
): Promise<void> {
  const { deployment } = place
  // Nobody else may come to do it, so that only the end of the program's own patience ends it.
  const write = scale({ api, leadership, deployment }, 'down', closing)
  scaling(write)
  await untilAborted(write, signal)
}

/** Other programs admit nothing more; what they still have in flight runs to its end. */
async function untilOthersEnded(
  { leadership, options, place, engines, view }: StopParts,
  signal: AbortSignal,
): Promise<void> {
  const since = performance.now()
  await leadership.untilFollowersSaw(signal)
  for (;;) {
    const load = await engines.load(view.look().ready, signal).catch(() => undefined)
    signal.throwIfAborted()
    if (load === undefined || load.running + load.waiting === 0) return
    if (options.cutAfterMs !== undefined && performance.now() - since > options.cutAfterMs) {
      options.log.warn({ backend: place.backend, ...load }, 'requests of other programs are cut')
      return
    }
    await view.world.change(signal, engineRecheckMs)
  }
}
