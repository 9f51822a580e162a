import { fromCallback, fromPromise } from 'xstate'
import type { Driver, Observed } from '../../machines/index.ts'
import { backendMachine, fleetMachine } from '../../machines/index.ts'
import type { Clock } from './clock.ts'
import type { Gate } from './gate.ts'

/** How long an engine may take to say whether it is quiet; one that does not answer has nothing to wait for. */
const engineAnswerMs = 5_000
/** Pause between two questions to an engine that is still at work after its last lease ended. */
const engineRecheckMs = 500

/** The charts with their effects: a driver's calls and the backend's gate become the named actors. */
export function chartsWith(driver: Driver, gates: ReadonlyMap<string, Gate>, clock: Clock) {
  const gateOf = (backend: string): Gate => {
    const gate = gates.get(backend)
    if (!gate) throw new Error(`no gate for backend ${backend}`)
    return gate
  }

  const backend = backendMachine.provide({
    actors: {
      'ensure resources': fromPromise(({ input, signal }) => driver.ensureResources(input, signal)),
      'bring replicas up': fromPromise(({ input, signal }) =>
        driver.start(input.order, signal, input.onPhase),
      ),
      'admit requests': fromCallback(({ input }) => {
        const gate = gateOf(input.backend)
        gate.openFor(input.model, input.generation, input.endpoints)
        return () => gate.close()
      }),
      'watch replicas': fromCallback(({ input, sendBack }) =>
        driver.watch(input.backend, (lost) => sendBack({ type: 'replica lost', lost })),
      ),
      'see the world': fromCallback(({ input, sendBack }) =>
        driver.follow?.(input.backend, (sight) => sendBack({ type: 'world seen', sight })),
      ),
      'drain leases': fromPromise(({ input, signal }) =>
        drain(gateOf(input.backend), driver, clock, signal),
      ),
      'ask the engine': fromPromise(({ input, signal }) =>
        driver.engineLoad(input.backend, signal),
      ),
      'take replicas down': fromPromise(({ input, signal }) => driver.stop(input.backend, signal)),
    },
  })

  return fleetMachine.provide({
    actors: {
      backend,
      'look at what is there': fromPromise(async ({ input }) => {
        const found: Record<string, Observed> = {}
        for (const name of input.backends) found[name] = await driver.observe(name)
        return found
      }),
    },
  })
}

async function drain(gate: Gate, driver: Driver, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await gate.whenDrained(signal)
    if (await isQuiet(gate.backend, driver, clock, signal)) return
    await new Promise<void>((resolve) => clock.setTimeout(resolve, engineRecheckMs))
  }
}

async function isQuiet(
  backend: string,
  driver: Driver,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const late = new AbortController()
  const timer = clock.setTimeout(() => late.abort(), engineAnswerMs)
  try {
    const load = await driver.engineLoad(backend, AbortSignal.any([signal, late.signal]))
    return load === undefined || load.running + load.waiting === 0
  } catch {
    return true
  } finally {
    clock.clearTimeout(timer)
  }
}
