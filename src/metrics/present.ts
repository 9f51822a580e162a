import type { Catalogue } from '../catalogue/index.ts'
import type { BackendStatus } from '../operations/index.ts'
import { backendStates } from './backend-states.ts'
import type { createGpuTime } from './gpu-time.ts'
import type { Instruments } from './instruments.ts'

/** What a scrape sees of the backends and models just now. */
export function tellPresent(
  into: Instruments,
  backends: readonly BackendStatus[],
  { models, problems }: Pick<Catalogue, 'models' | 'problems'>,
  gpuTime: Pick<ReturnType<typeof createGpuTime>, 'secondsOf'>,
): void {
  tellModels(into, backends, [...models.keys()])
  for (const backend of backends) tellBackend(into, backend)
  tellGpus(into, backends, gpuTime)
  into.vllm_chill_vllm_state.set(vllmState(backends))
  const endpoints = backends.reduce((sum, backend) => sum + backend.endpoints.length, 0)
  into.vllm_chill_current_replicas.set(endpoints)
  into.vllm_chill_manifest_problems.set(problems.length)
}

function tellModels(
  into: Instruments,
  backends: readonly BackendStatus[],
  models: readonly string[],
): void {
  const waiting = backends.flatMap((backend) => backend.waiting)
  const loaded = new Set(backends.filter(isReady).map(({ model }) => model))
  // A model that is gone is no more told of.
  into.vllm_chill_current_model.reset()
  into.vllm_chill_waiting_requests.reset()
  into.vllm_chill_waiting_bytes.reset()
  into.vllm_chill_oldest_wait_seconds.reset()
  for (const model of models) {
    const lines = waiting.filter((line) => line.model === model)
    const oldestMs = Math.max(0, ...lines.map((line) => line.oldestMs))
    into.vllm_chill_current_model.set({ model_name: model }, loaded.has(model) ? 1 : 0)
    into.vllm_chill_waiting_requests.set({ model }, sum(lines.map(({ count }) => count)))
    into.vllm_chill_waiting_bytes.set({ model }, sum(lines.map(({ bytes }) => bytes)))
    into.vllm_chill_oldest_wait_seconds.set({ model }, oldestMs / 1_000)
  }
}

function tellBackend(into: Instruments, { name: backend, state: present, leases }: BackendStatus) {
  into.vllm_chill_leases.set({ backend }, leases)
  for (const state of backendStates) {
    into.vllm_chill_backend_state.set({ backend, state }, state === present ? 1 : 0)
  }
}

function tellGpus(
  into: Instruments,
  backends: readonly BackendStatus[],
  gpuTime: Pick<ReturnType<typeof createGpuTime>, 'secondsOf'>,
): void {
  const counters = {
    held: into.vllm_chill_gpu_held_seconds_total,
    serving: into.vllm_chill_gpu_serving_seconds_total,
    idle: into.vllm_chill_gpu_idle_seconds_total,
    saved: into.vllm_chill_gpu_saved_seconds_total,
  } as const
  for (const counter of Object.values(counters)) counter.reset()
  for (const { name, state, model, progress } of backends) {
    const seconds = gpuTime.secondsOf(name, { state, model, phase: progress?.phase })
    for (const [use, counter] of Object.entries(counters)) {
      counter.inc({ backend: name }, seconds[use as keyof typeof counters])
    }
  }
}

/** The original's number for the one backend it knows. */
function vllmState(backends: readonly BackendStatus[]): number {
  const states = backends.map(({ state }) => state)
  if (states.some((state) => state.startsWith('ready') || state === 'idle.rechecking')) return 2
  if (states.some((state) => state === 'creatingResources' || state === 'scalingUp')) return 1
  return states.some((state) => state.startsWith('idle') || state.startsWith('switching')) ? 3 : 0
}

function isReady({ state }: BackendStatus): boolean {
  return state.startsWith('ready')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
