import type { BackendFact } from '../../machines/index.ts'
import type { PhaseReached, Transition } from '../admission/index.ts'

/** Stages of a backend that are remembered; whoever waits through more of them has lost the first. */
const mostStages = 50

/** What a backend does while somebody waits for it. */
export interface Stage {
  readonly name: string
  readonly backend: string
  /** The model that is served after it, if all goes well. */
  readonly model: string | undefined
  readonly because: string
  /** Unix time, ms. */
  readonly from: number
  /** Undefined while it lasts. */
  to: number | undefined
  /** Why it came to nothing. */
  failure: string | undefined
  readonly phases: Phase[]
}

/** A part of scaling up. */
export interface Phase {
  readonly name: string
  readonly from: number
  to: number | undefined
}

const names: Readonly<Record<string, string>> = {
  'switchingModel.draining': 'drain',
  'idle.draining': 'drain',
  'switchingModel.unloading': 'unload',
  'switchingModel.unloadingFailed': 'unload',
  'idle.scalingDown': 'unload',
  'idle.scalingDownFailed': 'unload',
  creatingResources: 'create resources',
  scalingUp: 'scale up',
}

/** Remembers what backends did of late, so that each wait can be told what it waited for. */
export function followStages(now: () => number) {
  const backends = new Map<string, { stages: Stage[]; phase: string | undefined }>()

  function of(backend: string) {
    let life = backends.get(backend)
    if (!life) backends.set(backend, (life = { stages: [], phase: undefined }))
    return life
  }

  const current = (backend: string): Stage | undefined => {
    const last = of(backend).stages.at(-1)
    return last?.to === undefined ? last : undefined
  }

  function end(stage: Stage): void {
    stage.to = now()
    for (const phase of stage.phases) phase.to ??= stage.to
  }

  /** Resources that are made are a stage of their own. */
  function enterPhase(stage: Stage, name: string): void {
    const last = stage.phases.at(-1)
    if (name === 'resources' || stage.name !== 'scale up' || last?.name === name) return
    const at = now()
    if (last) last.to = at
    stage.phases.push({ name, from: at, to: undefined })
  }

  return {
    onTransition({ backend, to, model, target, because }: Transition): void {
      const life = of(backend)
      const stage = current(backend)
      const name = names[to]
      if (stage?.name === name && name !== undefined) return
      if (stage) end(stage)
      if (name === undefined) return
      const next: Stage = {
        name,
        backend,
        model: target ?? model,
        because,
        from: now(),
        to: undefined,
        failure: undefined,
        phases: [],
      }
      life.stages.push(next)
      if (life.stages.length > mostStages) life.stages.shift()
      // Told a moment before the step that it belongs to.
      if (life.phase !== undefined) enterPhase(next, life.phase)
      life.phase = undefined
    },

    onPhase({ backend, phase }: PhaseReached): void {
      const stage = current(backend)
      if (stage) enterPhase(stage, phase)
      of(backend).phase = stage?.name === 'scale up' ? undefined : phase
    },

    onFact(fact: BackendFact): void {
      if (fact.type !== 'start failed') return
      const stage = of(fact.backend).stages.at(-1)
      if (stage) stage.failure ??= fact.failure.reason
    },

    /** What was done for a model between two moments, by one backend if it is known which. */
    between(from: number, to: number, model: string, backend: string | undefined): Stage[] {
      const stages = backend === undefined ? [...backends.values()] : [of(backend)]
      return stages
        .flatMap((life) => life.stages)
        .filter((stage) => stage.from < to && (stage.to ?? to) > from)
        .filter((stage) => backend !== undefined || stage.model === model)
    },
  }
}

export type Stages = ReturnType<typeof followStages>
