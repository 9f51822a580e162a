import { request, type Agent } from 'undici'
import type { EngineLoad } from '../../../machines/index.ts'
import { keyHeader } from './probe.ts'

/**
 * The engine's own running + waiting, from its `/metrics`; undefined where there is none or it does
 * not say. Rejects when the backend does not answer, or answers with another error.
 */
export async function readEngineLoad(
  agent: Agent,
  url: string,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<EngineLoad | undefined> {
  const { statusCode, body } = await request(`${url}/metrics`, {
    dispatcher: agent,
    headers: keyHeader(apiKey),
    signal,
  })
  if (statusCode === 200) return parseEngineLoad(await body.text())
  await body.dump()
  if (statusCode === 404) return undefined
  throw new Error(`${url}/metrics answered with status ${statusCode}`)
}

/** Sums over labels: each engine of a data-parallel server has its own line. */
export function parseEngineLoad(metrics: string): EngineLoad | undefined {
  const running = sum(metrics, 'vllm:num_requests_running')
  const waiting = sum(metrics, 'vllm:num_requests_waiting')
  return running === undefined || waiting === undefined ? undefined : { running, waiting }
}

function sum(metrics: string, name: string): number | undefined {
  let total: number | undefined
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(name)) continue
    // `name{label="a } b"} value [timestamp]`; a longer name (`…_waiting_by_reason`) is another metric.
    const sample = /^(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s+(\S+)/.exec(line.slice(name.length))
    const value = Number(sample?.[1])
    if (Number.isFinite(value)) total = (total ?? 0) + value
  }
  return total
}
