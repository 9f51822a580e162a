import type { BackendFact } from '../../machines/index.ts'
import type { PhaseReached, Transition } from '../admission/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import type { BackendStatus } from '../operations/index.ts'
import type { RequestRecord } from '../proxy/index.ts'
import { expose, type Exposition } from './exposition.ts'
import { createGpuTime, type GpuCount } from './gpu-time.ts'
import { createInstruments } from './instruments.ts'
import { countLives } from './lives.ts'
import { tellPresent } from './present.ts'
import { createProgramMetrics } from './program.ts'
import { countRequests } from './requests.ts'

export interface MetricsOptions {
  readonly catalogue: Pick<Catalogue, 'models' | 'problems'>
  readonly gpusOf: (backend: string) => GpuCount
  readonly version: string
  readonly driver: string
  /** Monotonic, ms. */
  readonly now?: () => number
}

export type Metrics = ReturnType<typeof createMetrics>

/** Counts while things happen, and looks at the rest when it is scraped; neither ever wakes a backend. */
export function createMetrics(options: MetricsOptions) {
  const { catalogue, version, driver, now = () => performance.now() } = options
  const { registry, instruments } = createInstruments()
  const lives = countLives(instruments, now)
  const requests = countRequests(instruments)
  const gpuTime = createGpuTime(options.gpusOf, now)
  const program = createProgramMetrics(instruments)
  instruments.vllm_chill_build_info.set({ version, node: process.versions.node, driver }, 1)
  let status: () => readonly BackendStatus[] = () => []
  let lastEndAt = now()

  return {
    /** From now on there are backends to look at. */
    attach(fleet: { status(): readonly BackendStatus[] }): void {
      status = () => fleet.status()
    },

    onRequest(record: RequestRecord): void {
      requests.count(record)
      if (record.backend === undefined) return
      lastEndAt = now()
      lives.onRequest(record)
    },

    onTransition(transition: Transition): void {
      lives.onTransition(transition)
      gpuTime.onTransition(transition)
    },

    onPhase(phase: PhaseReached): void {
      lives.onPhase(phase)
      gpuTime.onPhase(phase)
    },

    onFact: (fact: BackendFact): void => lives.onFact(fact),

    /** The text of a scrape, in the format that `accept` asks for. */
    scrape(accept: string | null): Promise<Exposition> {
      const backends = status()
      requests.tell()
      tellPresent(instruments, backends, catalogue, gpuTime)
      const inFlight = backends.some(({ leases }) => leases > 0)
      instruments.vllm_chill_idle_time_seconds.set(inFlight ? 0 : (now() - lastEndAt) / 1_000)
      program.tell()
      return expose(registry, accept)
    },

    gpuSeconds: () =>
      status().map(({ name, state, model, progress }) => {
        const sum = gpuTime.secondsOf(name, { state, model, phase: progress?.phase })
        return {
          backend: name,
          heldSeconds: tenths(sum.held),
          servingSeconds: tenths(sum.serving),
          idleSeconds: tenths(sum.idle),
          savedSeconds: tenths(sum.saved),
        }
      }),

    close: (): void => program.close(),
  }
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
