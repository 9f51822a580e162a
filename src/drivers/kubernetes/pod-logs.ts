import type { LogReading } from '../../../machines/index.ts'
import { ApiFault, type Api } from './api/index.ts'
import { logPlace, type LogPlace } from './pods/index.ts'
import { lookAgainMs } from './view.ts'
import type { World } from './world.ts'

/** Of a run that began while somebody reads. */
const mostLines = 2_000

/**
 * What the newest run of a backend's container writes, and with `follow` those after it. Nothing while
 * there is none. @throws ApiFault
 */
export async function* readPodLogs(
  api: Api,
  world: World,
  { lines, follow }: LogReading,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let read: string | undefined
  while (!signal.aborted) {
    const changed = world.change(signal, lookAgainMs).catch(() => undefined)
    const place = logPlace(world.pods, world.service)
    const isNew = place !== undefined && place.run !== read
    if (isNew || place?.runs) {
      // Somebody between may cut a connection on which nothing comes: it goes on where it was.
      const tailLines = read === undefined ? lines : isNew ? mostLines : 0
      read = place.run
      yield* readRun(api, place, { lines: tailLines, follow }, signal)
    }
    if (!follow) return
    await changed
  }
}

async function* readRun(
  api: Api,
  { pod, container, previous }: LogPlace,
  { lines: tailLines, follow }: LogReading,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    if (follow && !previous) yield* api.followPodLog(pod, { container, tailLines, signal })
    else yield* await api.podLog(pod, { container, tailLines, previous, signal })
  } catch (error) {
    if (signal.aborted) return
    // It went meanwhile, or the API server is in trouble: who follows sees what comes next.
    const isPassing = error instanceof ApiFault && (error.isPassing || error.code === 404)
    if (!follow || !isPassing) throw error
  }
}
