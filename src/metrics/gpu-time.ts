import type { PhaseReached, Transition } from '../admission/index.ts'

/** GPUs of a backend: those that a model takes there, and those it would hold if it were always on. */
export interface GpuCount {
  of(model: string): number
  readonly always: number
}

export interface GpuSeconds {
  readonly held: number
  readonly serving: number
  readonly idle: number
  readonly saved: number
}

interface Present {
  readonly state: string
  readonly model: string | undefined
  readonly phase: string | undefined
}

const unknown: Present = { state: 'observing', model: undefined, phase: undefined }
/** Before these a start has no GPU yet. */
const phasesWithGpu = new Set<string | undefined>(['image', 'process', 'loading'])

/** Adds up what each backend's GPUs did, from one transition to the next. */
export function createGpuTime(gpusOf: (backend: string) => GpuCount, now: () => number) {
  const accounts = new Map<string, { present: Present; at: number; sum: GpuSeconds }>()
  const startedAt = now()

  function accountOf(backend: string) {
    let account = accounts.get(backend)
    if (!account) {
      account = {
        present: unknown,
        at: startedAt,
        sum: { held: 0, serving: 0, idle: 0, saved: 0 },
      }
      accounts.set(backend, account)
    }
    return account
  }

  /** Books the time until now on what was, and goes on with what is. */
  function settle(backend: string, was: Present, is: Present): GpuSeconds {
    const account = accountOf(backend)
    const seconds = Math.max(0, now() - account.at) / 1_000
    account.at = now()
    account.sum = add(account.sum, spent(was, gpusOf(backend), seconds))
    account.present = is
    return account.sum
  }

  /** Nobody tells in which state a backend was first seen: the first step, or look, says where it was. */
  const knownOr = (backend: string, first: Present): Present => {
    const { present } = accountOf(backend)
    return present === unknown ? first : present
  }

  return {
    onTransition({ backend, from, to, model }: Transition): void {
      const was = knownOr(backend, { state: from, model, phase: undefined })
      const phase = to === 'scalingUp' ? was.phase : undefined
      settle(backend, was, { state: to, model, phase })
    },

    onPhase({ backend, phase }: PhaseReached): void {
      const was = accountOf(backend).present
      if (was !== unknown) settle(backend, was, { ...was, phase })
    },

    /** Up to now, for a backend that is seen to be so. */
    secondsOf(backend: string, seen: Present): GpuSeconds {
      return settle(backend, knownOr(backend, seen), seen)
    },
  }
}

function spent({ state, model, phase }: Present, gpus: GpuCount, seconds: number): GpuSeconds {
  if (state === 'observing') return { held: 0, serving: 0, idle: 0, saved: 0 }
  const holds =
    state !== 'cold' &&
    state !== 'creatingResources' &&
    (state !== 'scalingUp' || phasesWithGpu.has(phase))
  const held = holds && model !== undefined ? gpus.of(model) * seconds : 0
  const serving = state === 'ready.serving' || state.endsWith('.draining')
  const idle = state === 'ready.quiet' || state === 'idle.rechecking'
  return {
    held,
    serving: serving ? held : 0,
    idle: idle ? held : 0,
    saved: Math.max(0, gpus.always * seconds - held),
  }
}

function add(a: GpuSeconds, b: GpuSeconds): GpuSeconds {
  return {
    held: a.held + b.held,
    serving: a.serving + b.serving,
    idle: a.idle + b.idle,
    saved: a.saved + b.saved,
  }
}
