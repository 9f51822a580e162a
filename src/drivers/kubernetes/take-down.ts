import { setTimeout as delay } from 'node:timers/promises'
import type { EngineLoad } from '../../../machines/index.ts'
import { untilAborted } from '../engine/index.ts'
import type { StartParts } from './bring-up.ts'
import { scale } from './scale.ts'
import { lookAgainMs } from './view.ts'

/** Between two questions to an engine that other programs' requests keep at work. */
const engineRecheckMs = 500
/** How long an engine may take to say it, and how often in a row it may not: then it has nothing to wait for. */
const engineAnswerMs = 5_000
const silentAnswers = 3
/** Somebody who scales it up more often while it is brought down is stronger. */
const mostScales = 3

/** `scaling` is told of each write: once begun it is done, even if the program ends meanwhile. */
export interface StopParts extends StartParts {
  readonly closing: AbortSignal
  readonly scaling: (write: Promise<unknown>) => void
}

/** Replicas down, until the last pod is gone from the API. @throws NotLeading */
export async function takeDown(parts: StopParts, signal: AbortSignal): Promise<void> {
  const { view, engines, leadership, place, options } = parts
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
  // At a second try too, and where another program has begun: their requests are still there.
  const serves = engines.runs(view.meant?.model, view.look())
  if (view.replicas > 0 && serves) await untilOthersEnded(parts, signal)
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
async function untilOthersEnded(parts: StopParts, signal: AbortSignal): Promise<void> {
  const { leadership, options, place } = parts
  const { cutAfterMs = Number.POSITIVE_INFINITY } = options
  // Of the first try: it is not to begin anew with each.
  const since = Date.parse(leadership.progress[place.backend]?.since ?? '')
  await leadership.untilFollowersSaw(signal)
  for (let silent = 0; silent < silentAnswers;) {
    const load = await askLoad(parts, signal)
    if (load !== 'no answer' && (load === undefined || load.running + load.waiting === 0)) return
    if (Date.now() - since > cutAfterMs) {
      const what = 'requests of other programs are cut'
      options.log.warn({ backend: place.backend, ...(load !== 'no answer' && load) }, what)
      return
    }
    silent = load === 'no answer' ? silent + 1 : 0
    await delay(engineRecheckMs, undefined, { signal })
  }
}

async function askLoad(
  { engines, view }: StopParts,
  signal: AbortSignal,
): Promise<EngineLoad | 'no answer' | undefined> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), engineAnswerMs)
  try {
    return await engines.load(view.look(), AbortSignal.any([signal, late.signal]))
  } catch {
    signal.throwIfAborted()
    return 'no answer'
  } finally {
    clearTimeout(timer)
  }
}
