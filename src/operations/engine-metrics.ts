import { ChillError } from '../errors/index.ts'
import type { FleetView } from './types.ts'

/** A scraper gives up after ten seconds mostly. */
const answerMs = 8_000
const plainText = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * What a backend says of itself: the one named by `?backend=` or `?model=`, else the first that is ready.
 * It is asked past the gate, so that a scrape keeps nothing awake. With none ready the answer has no
 * metrics, as a backend at rest is no fault.
 */
export async function engineMetrics(fleet: FleetView, url: URL): Promise<Response> {
  const { searchParams } = url
  const backend = searchParams.get('backend')
  const model = searchParams.get('model')
  const ready = fleet
    .status()
    .filter((one) => backend === null || one.name === backend)
    .filter((one) => model === null || one.model === model)
    .flatMap(({ endpoints }) => endpoints)
  const [endpoint] = ready
  if (!endpoint) {
    return new Response('# no backend is ready\n', { headers: { 'content-type': plainText } })
  }
  const signal = AbortSignal.timeout(answerMs)
  try {
    const answer = await fetch(`${endpoint.url}/metrics`, { signal })
    const contentType = answer.headers.get('content-type') ?? plainText
    const text = await answer.text()
    return new Response(text, { status: answer.status, headers: { 'content-type': contentType } })
  } catch (cause) {
    throw new ChillError('backend_unreachable', 'the backend does not tell its metrics', { cause })
  }
}
