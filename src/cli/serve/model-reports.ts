import type { Fleet } from '../../admission/index.ts'
import type { ClusterCatalogue, Finding, ModelReport } from '../../drivers/kubernetes/index.ts'

type Statuses = ReturnType<Fleet['status']>
type Status = Statuses[number]

/** When each model was last asked for, and how long its last load took; by its name. */
export interface ModelHistory {
  readonly lastUsed: ReadonlyMap<string, Date>
  readonly lastLoadMs: ReadonlyMap<string, number>
}

/** What is to be said of every VLLMModel, usable or not. */
export function modelReports(
  statuses: Statuses,
  catalogue: ClusterCatalogue,
  history: ModelHistory,
): ModelReport[] {
  const used = [...catalogue.models.values()].map(({ name, source }) =>
    report(name, source, statuses, history),
  )
  const known = new Set(used.map(({ source }) => source))
  const broken = catalogue.problems
    .filter(({ source }) => !known.has(source))
    .map(({ source, message }) => failedReport(source, 'Invalid', message))
  return [...used, ...broken]
}

function report(
  name: string,
  source: string,
  statuses: Statuses,
  { lastUsed, lastLoadMs }: ModelHistory,
): ModelReport {
  const times = {
    lastUsed: lastUsed.get(name),
    lastLoadSeconds: seconds(lastLoadMs.get(name)),
  }
  const at = (isSo: (status: Status) => boolean) => statuses.find(isSo)
  const ready = at(({ model, state }) => model === name && state.startsWith('ready'))
  if (ready) {
    const message = `loaded on ${ready.name}`
    return {
      source,
      phase: 'Ready',
      message,
      backend: ready.name,
      ...times,
      ready: holds('Loaded', message),
      loading: not('Loaded', message),
      failed: not('Loaded', message),
    }
  }
  const loading = at(
    ({ model, target, state }) =>
      (model === name && /^(creatingResources|scalingUp)/.test(state)) || target === name,
  )
  if (loading) {
    const { progress, state } = loading
    const message = `${loading.name}: ${progress?.detail ?? progress?.phase ?? state}`
    return {
      source,
      phase: 'Loading',
      message,
      backend: loading.name,
      ...times,
      ready: not('Loading', message),
      loading: holds('Loading', message),
      failed: not('Loading', message),
    }
  }
  const failure = statuses.flatMap(({ failures }) => failures).find(({ model }) => model === name)
  if (failure)
    return { ...failedReport(source, camelCase(failure.reason), failure.message), ...times }
  const message = 'not loaded; it is when somebody asks for it'
  return {
    source,
    phase: 'Pending',
    message,
    ...times,
    ready: not('NotLoaded', message),
    loading: not('NotLoaded', message),
    failed: not('NotLoaded', message),
  }
}

function failedReport(source: string, reason: string, message: string): ModelReport {
  return {
    source,
    phase: 'Failed',
    message,
    ready: not(reason, message),
    loading: not(reason, message),
    failed: holds(reason, message),
  }
}

const holds = (reason: string, message: string): Finding => ({ holds: true, reason, message })
const not = (reason: string, message: string): Finding => ({ holds: false, reason, message })

/** `image_pull` → `ImagePull`. */
function camelCase(reason: string): string {
  return reason.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms / 1_000)
}
