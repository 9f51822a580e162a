import { readFile } from 'node:fs/promises'
import { loadTimes, readTrace, type Workload } from '../../../src/planning/index.ts'

/** A trace that somebody recorded, with the models it names; loads take what it says, else what is usual. */
export async function recordedWorkload(path: string): Promise<Workload> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const servedName = (model: string) => model
  const trace = await readTrace(lines, { name: path, servedName, knownModels: [], msPerToken: 25 })
  const { arrivals } = trace
  const models = [...new Set(arrivals.map(({ model }) => model))].sort()
  const loads = loadTimes(models, new Map(), trace)
  return {
    name: path,
    loadMs: Object.fromEntries([...loads].map(([model, { ms }]) => [model, ms])),
    unloadMs: 3_000,
    maxInFlight: 32,
    maxWaitMs: 60_000,
    arrivals,
    untilMs: Math.max(...arrivals.map(({ at, durationMs }) => at + durationMs)),
  }
}
