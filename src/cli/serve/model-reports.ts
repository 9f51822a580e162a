import type { StartPhase } from '../../../machines/index.ts'
import type { Catalogue, CatalogueProblem } from '../../catalogue/index.ts'
import type { Finding, ModelReport } from '../../drivers/kubernetes/index.ts'
import type { BackendStatus } from '../../operations/index.ts'

/** What the statuses of the backends do not say, by the model's name. */
export interface ModelHistory {
  readonly lastUsed: ReadonlyMap<string, Date>
  readonly lastLoadMs: ReadonlyMap<string, number>
}

type Place = Pick<ModelReport, 'phase' | 'message' | 'backend'> & {
  /** One word for why it is not ready, or is. */
  readonly reason: string
}

/** Words of the charts, as a condition's reason and as what is waited for. */
const steps = {
  resources: ['CreatingResources', 'its Deployment and what belongs to it are made ready'],
  scheduling: ['Scheduling', 'its pod waits for a node'],
  image: ['PullingImage', 'its image is pulled'],
  process: ['Starting', 'its container starts'],
  loading: ['LoadingWeights', 'vLLM loads the weights'],
} as const satisfies Record<StartPhase, readonly [reason: string, words: string]>

/** What is to be said of every VLLMModel, usable or not. */
export function modelReports(
  backends: readonly BackendStatus[],
  catalogue: Pick<Catalogue, 'models' | 'problems'>,
  history: ModelHistory,
): ModelReport[] {
  const problems = Map.groupBy(catalogue.problems, ({ source }) => source)
  const used = [...catalogue.models.values()].map(({ name, source }) => {
    const broken = problems.get(source)
    problems.delete(source)
    return reportOf(name, source, backends, history, broken)
  })
  const unused = [...problems].map(([source, broken]) => brokenReport(source, broken))
  return [...used, ...unused]
}

function reportOf(
  name: string,
  source: string,
  backends: readonly BackendStatus[],
  { lastUsed, lastLoadMs }: ModelHistory,
  broken: readonly CatalogueProblem[] | undefined,
): ModelReport {
  const place = placeOf(name, backends) ?? restOf(name, backends)
  const { reason, ...found } = place
  const loadMs = lastLoadMs.get(name)
  const report = {
    source,
    ...found,
    lastUsed: lastUsed.get(name),
    lastLoadSeconds: loadMs === undefined ? undefined : Math.round(loadMs / 1_000),
    ready: { holds: place.phase === 'Ready', reason, message: place.message },
    loading: { holds: place.phase === 'Loading', reason, message: place.message },
    failed: failureOf(name, backends) ?? noFailure,
  }
  if (!broken) return report
  const message = `${messageOf(broken)}; the last valid version stays in force`
  return {
    ...report,
    phase: 'Failed',
    message,
    failed: { holds: true, reason: 'InvalidManifest', message },
  }
}

/** Where it is, or is on its way. */
function placeOf(name: string, backends: readonly BackendStatus[]): Place | undefined {
  const places = backends.flatMap((backend) => placeOn(backend, name) ?? [])
  const best = (phase: ModelReport['phase']) => places.find((place) => place.phase === phase)
  return best('Ready') ?? best('Loading') ?? best('Unloading')
}

function placeOn(backend: BackendStatus, name: string): Place | undefined {
  const { state, model, target, progress, because } = backend
  if (model === name && /^(ready|idle\.rechecking)/.test(state)) {
    const message = `loaded on ${backend.name}`
    return { phase: 'Ready', message, backend: backend.name, reason: 'Loaded' }
  }
  if (model === name && /^(creatingResources|scalingUp)/.test(state)) {
    const [reason, words] = steps[(progress?.phase ?? 'resources') as StartPhase]
    const message = `on ${backend.name}: ${progress?.detail ?? words}`
    return { phase: 'Loading', message, backend: backend.name, reason }
  }
  if (target === name) {
    const message = `${backend.name} lets go of ${model ?? 'what it has'} first`
    return { phase: 'Loading', message, backend: backend.name, reason: 'Switching' }
  }
  if (model === name && /^(switchingModel|idle)/.test(state)) {
    const why = because === undefined ? '' : `: ${because}`
    const message = `${backend.name} lets go of it${why}`
    return { phase: 'Unloading', message, backend: backend.name, reason: 'Unloading' }
  }
  return undefined
}

/** What keeps it from being loaded, if anything does. */
function restOf(name: string, backends: readonly BackendStatus[]): Place {
  const failure = failureOf(name, backends)
  if (failure) return { phase: 'Failed', message: failure.message, reason: failure.reason }
  const possible = backends.filter(({ models }) => models?.includes(name) ?? true)
  if (possible.length === 0) {
    return { phase: 'Pending', message: 'no backend may serve it', reason: 'NoBackend' }
  }
  if (possible.every(({ held }) => held)) {
    const held = possible.map((backend) => backend.name).join(', ')
    return { phase: 'Pending', message: `an operator keeps ${held} down`, reason: 'Held' }
  }
  return { phase: 'Pending', message: 'is loaded when somebody asks for it', reason: 'NotLoaded' }
}

const noFailure: Finding = {
  holds: false,
  reason: 'NoFailure',
  message: 'no failed start is remembered',
}

function failureOf(name: string, backends: readonly BackendStatus[]): Finding | undefined {
  const failure = backends.flatMap(({ failures }) => failures).find(({ model }) => model === name)
  return failure && { holds: true, reason: oneWord(failure.reason), message: failure.message }
}

/** Of a manifest that has never been valid, or whose name is another model's. */
function brokenReport(source: string, problems: readonly CatalogueProblem[]): ModelReport {
  const message = messageOf(problems)
  const reason = problems.some((one) => one.nameIsTaken) ? 'NameTaken' : 'InvalidManifest'
  const not: Finding = { holds: false, reason, message }
  return {
    source,
    phase: 'Failed',
    message,
    ready: not,
    loading: not,
    failed: { holds: true, reason, message },
  }
}

function messageOf(problems: readonly CatalogueProblem[]): string {
  return problems.map(({ message }) => message).join('; ')
}

/** `image_pull` as `ImagePull`. */
function oneWord(reason: string): string {
  return reason.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
