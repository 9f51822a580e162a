import type { Catalogue, CatalogueModel } from '../catalogue/index.ts'
import type {
  BackendStatus,
  FleetView,
  GpuSecondsStatus,
  MetricsView,
  ModelsAnswer,
  ModelStatus,
  StatusAnswer,
} from './types.ts'

export interface Sources {
  readonly fleet: FleetView
  readonly catalogue: Catalogue
  readonly version: string
}

export function statusAnswer({ fleet, catalogue, version }: Sources): StatusAnswer {
  return {
    version,
    startedAt: fleet.startedAt,
    shuttingDown: fleet.shuttingDown,
    backends: fleet.status(),
    problems: catalogue.problems,
  }
}

export function modelsAnswer({ fleet, catalogue }: Sources): ModelsAnswer {
  const backends = fleet.status()
  const pinned = fleet.pinned()
  return {
    models: [...catalogue.models.values()].map((model) => modelStatus(model, backends, pinned)),
    problems: catalogue.problems,
  }
}

function modelStatus(
  model: CatalogueModel,
  backends: readonly BackendStatus[],
  pinned: readonly string[],
): ModelStatus {
  const { name, aliases, source, maxInFlight, facts, manifest } = model
  const failure = backends.flatMap(({ failures }) => failures).find((one) => one.model === name)
  return {
    name,
    aliases,
    modelName: manifest.spec.modelName,
    source,
    revision: facts.revision,
    priority: facts.priority,
    idleTimeoutMs: facts.idleTimeoutMs,
    maxInFlight,
    pinned: pinned.includes(name),
    on: backends
      .filter((backend) => backend.model === name || backend.target === name)
      .map((backend) => ({ backend: backend.name, state: backend.state, leases: backend.leases })),
    waiting: backends
      .flatMap(({ waiting }) => waiting)
      .filter((one) => one.model === name)
      .reduce((sum, { count }) => sum + count, 0),
    ...(failure && { failure }),
  }
}

/** `GET /proxy/models/available` as the original answers it; its numbers are strings there. */
export function availableAnswer({ catalogue }: Sources) {
  const models = [...catalogue.models.values()].map(({ name, manifest }) => ({
    name: manifest.metadata.name,
    servedModelName: name,
    modelName: manifest.spec.modelName,
    maxModelLen: String(manifest.spec.maxModelLen),
  }))
  return { models, count: models.length }
}

/** `GET /proxy/models/running` as the original answers it; of several backends, the first that is up. */
export function runningAnswer({ fleet, catalogue }: Sources) {
  const backends = fleet.status()
  const backend = backends.find(isReady) ?? backends.find(({ model }) => model !== undefined)
  const manifest =
    backend?.model === undefined ? undefined : catalogue.find(backend.model)?.manifest
  return {
    active_model: backend?.model ?? '',
    running: backend !== undefined && isReady(backend),
    config: manifest
      ? {
          modelName: manifest.spec.modelName,
          servedModelName: backend?.model,
          maxModelLen: String(manifest.spec.maxModelLen),
          toolCallParser: manifest.spec.toolCallParser ?? '',
          reasoningParser: manifest.spec.reasoningParser ?? '',
        }
      : null,
  }
}

/** `GET /proxy/stats`: a few numbers for a glance; the full set is for the metrics. */
export function statsAnswer(
  { fleet, catalogue, metrics }: Sources & { readonly metrics: MetricsView },
  now = Date.now(),
) {
  const backends = fleet.status()
  const waiting = backends.flatMap((backend) => backend.waiting)
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)
  return {
    uptime_seconds: Math.max(0, Math.round((now - Date.parse(fleet.startedAt)) / 1000)),
    models: catalogue.models.size,
    backends: backends.length,
    backends_ready: backends.filter(isReady).length,
    requests_in_flight: sum(backends.map(({ leases }) => leases)),
    requests_waiting: sum(waiting.map(({ count }) => count)),
    bytes_waiting: sum(waiting.map(({ bytes }) => bytes)),
    starts: sum(backends.map(({ generation }) => generation)),
    models_failed: new Set(backends.flatMap(({ failures }) => failures.map(({ model }) => model)))
      .size,
    gpu: { ...gpuSum(metrics.gpuSeconds()), backends: metrics.gpuSeconds() },
  }
}

function gpuSum(backends: readonly GpuSecondsStatus[]): GpuSecondsStatus {
  const sum = (field: keyof GpuSecondsStatus) =>
    Math.round(backends.reduce((all, backend) => all + backend[field], 0) * 10) / 10
  return {
    heldSeconds: sum('heldSeconds'),
    servingSeconds: sum('servingSeconds'),
    idleSeconds: sum('idleSeconds'),
    savedSeconds: sum('savedSeconds'),
  }
}

function isReady({ state }: BackendStatus): boolean {
  return state === 'ready' || state.startsWith('ready.')
}
