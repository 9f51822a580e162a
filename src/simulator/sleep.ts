import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from './engine.ts'
import type { Gpu } from './gpu.ts'

/** The values of vLLM's label `sleep_state`. */
export type SleepState = 'awake' | 'weights_offloaded' | 'discard_all'

export interface Sleep {
  readonly state: SleepState
  /** The weights are not those of the model: level 2 was left without `reload_weights`. */
  readonly scrambled: boolean
  /** @param mode `abort` cuts what is in flight, `wait` lets it end */
  fallAsleep(level: 1 | 2, mode: 'abort' | 'wait'): Promise<void>
  /** Without tags everything comes back; resolves false when the GPU is somebody else's by now. */
  wakeUp(tags: readonly string[]): Promise<boolean>
  reloadWeights(): void
}

export interface SleepTiming {
  readonly sleepTimeMs: number
  readonly wakeTimeMs: number
}

/** vLLM's sleep mode: the process stays, its GPU memory goes, and can be taken by another. */
export function createSleep(timing: SleepTiming, engine: Engine, gpu: Gpu): Sleep {
  let state: SleepState = 'awake'
  let scrambled = false
  const missing = new Set<string>()
  return {
    get state() {
      return state
    },
    get scrambled() {
      return scrambled
    },
    async fallAsleep(level, mode) {
      if (state !== 'awake') return
      state = level === 1 ? 'weights_offloaded' : 'discard_all'
      missing.add('weights').add('kv_cache')
      if (level === 2) scrambled = true
      if (mode === 'abort') engine.abortAll()
      await engine.drained()
      await delay(timing.sleepTimeMs)
      await gpu.release()
    },
    async wakeUp(tags) {
      if (state === 'awake') return true
      if (missing.size === 2 && (await gpu.take()) !== undefined) return false
      await delay(timing.wakeTimeMs)
      for (const tag of tags.length > 0 ? tags : ['weights', 'kv_cache']) missing.delete(tag)
      if (missing.size === 0) state = 'awake'
      return true
    },
    reloadWeights() {
      if (!missing.has('weights')) scrambled = false
    },
  }
}
