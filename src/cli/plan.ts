import type { CAC } from 'cac'
import { catalogueModel, validateManifests, type CatalogueModel } from '../catalogue/index.ts'
import { loadSettings, parseDuration, type Settings } from '../config/index.ts'
import {
  loadTimes,
  plan,
  TraceError,
  type PlannedModel,
  type PlanOptions,
  type Trace,
} from '../planning/index.ts'
import { CommandFailed, UsageError } from './failure.ts'
import { planInWords } from './plan/in-words.ts'
import { readTraceFile } from './plan/trace-file.ts'
import type { Terminal } from './terminal.ts'

type Options = Readonly<Record<string, unknown>>

/** Flags that are settings: what is in force now. */
const presentFlags = [
  'config',
  'models',
  'switchPolicy',
  'maxWait',
  'minResidency',
  'idleTimeout',
  'loadingWeight',
]

/** `vllm-chill plan`: plays recorded requests under several settings, and says which would be better. */
export function registerPlan(cli: CAC, terminal: Terminal): void {
  cli
    .command('plan', 'Play recorded requests through the charts, and suggest settings')
    .option(
      '--trace <file>',
      'Requests, as JSON lines {at, model, durationMs or tokens}, or the log of vllm-chill; - is standard input',
    )
    .option('--models <path>', 'Folder (or one file) of VLLMModel manifests')
    .option('--config <file>', 'Take what is in force now from this configuration')
    .option('--gpus <number>', 'GPUs there are (default: one for each backend)')
    .option('--load-seconds <model=seconds>', 'What a load takes; once for each model')
    .option('--tokens-per-second <number>', 'What one request generates, for traces with tokens', {
      default: 40,
    })
    .option('--switch-policy <word>', 'In force now: fair, patient, fifo or sticky')
    .option('--max-wait <duration>', 'In force now')
    .option('--min-residency <duration>', 'In force now')
    .option('--idle-timeout <duration>', 'In force now, for models that have none of their own')
    .option('--loading-weight <number>', 'Seconds of waiting that a second of loading is worth')
    .option(
      '--gpu-weight <number>',
      'Seconds of waiting that a second of a GPU that is held and does nothing is worth',
      { default: 1 },
    )
    .option(
      '--time-zone <name>',
      'Of windows in which a model is kept warm (default: that of the machine)',
    )
    .option('--time-limit <duration>', 'Try no more after it', { default: '20s' })
    .option('--json', 'Print JSON')
    .example('  $ vllm-chill plan --trace examples/traces/office-day.jsonl --models models/')
    .example(
      '  $ vllm-chill plan --trace serve.log --models models/ --load-seconds big=95 --gpus 2',
    )
    .action(async (options: Options) => await runPlan(options, terminal))
}

async function runPlan(options: Options, terminal: Terminal): Promise<number> {
  if (typeof options['trace'] !== 'string') {
    throw new UsageError('plan needs --trace FILE: recorded requests, or the log of vllm-chill')
  }
  const limitMs = parseDuration(String(options['timeLimit']))
  if (!limitMs) throw new UsageError('--time-limit: expected a duration such as 20s')
  const msPerToken = 1_000 / positive(options, 'tokensPerSecond', '--tokens-per-second')
  const gpuWeight = amount(options, 'gpuWeight', '--gpu-weight')
  const timeZone = timeZoneOf(options)
  const settings = settingsOf(options, terminal)
  const known = await modelsOf(settings)
  const trace = await readTraceFile(options['trace'], {
    servedName: (name) => named(name, known)?.name,
    knownModels: known.map(({ name }) => name),
    msPerToken,
  }).catch((error: unknown) => {
    throw error instanceof TraceError ? new CommandFailed(error.message) : error
  })
  const models = plannedModels(known, trace, givenLoads(options, known))
  const result = await plan({
    arrivals: trace.arrivals,
    beganAt: trace.beganAt,
    timeZone,
    models,
    loadingWeight: settings.loadingWeight,
    settings: inForce(settings, known),
    keepWarm: keptWarm(settings, known),
    gpuWeight,
    present: {
      switchPolicy: settings.switchPolicy,
      maxWaitMs: settings.maxWaitMs,
      minResidencyMs: settings.minResidencyMs,
      backends: backendsOf(options, settings, known),
      idleTimeoutMs: {},
    },
    limitMs,
    now: () => performance.now(),
    onProgress: (done, of, what) => {
      if (terminal.isInteractive) terminal.say(`\r\u001B[K${done} of ${of}: ${what}`)
    },
  })
  if (terminal.isInteractive) terminal.say('\r\u001B[K')
  const told = { trace, models, plan: result, weights: { ...settings, gpuWeight } }
  terminal.print(options['json'] === true ? inJson(told) : planInWords(told))
  return 0
}

/** What is not tried is played as it is. */
function inForce(
  { maxResidencyMs, minIdleReplicas, pinned }: Settings,
  known: readonly CatalogueModel[],
): PlanOptions['settings'] {
  const names = pinned.map((name) => named(name, known)?.name ?? name)
  return { maxResidencyMs, minIdleReplicas, pinned: names }
}

function keptWarm(settings: Settings, known: readonly CatalogueModel[]): PlanOptions['keepWarm'] {
  const own = settings.backends.flatMap(({ keepWarm }) => keepWarm)
  return [...own, ...settings.keepWarm].map((window) =>
    Object.assign({}, window, { model: named(window.model, known)?.name ?? window.model }),
  )
}

function named(name: string, known: readonly CatalogueModel[]): CatalogueModel | undefined {
  return known.find((model) => model.name === name || model.aliases.includes(name))
}

function settingsOf(options: Options, { env }: Terminal): Settings {
  const given = presentFlags.filter((flag) => options[flag] !== undefined)
  const flags = Object.fromEntries(given.map((flag) => [flag, options[flag]]))
  return loadSettings({ flags, env })
}

async function modelsOf(settings: Settings): Promise<readonly CatalogueModel[]> {
  if (settings.models === undefined) {
    throw new UsageError('plan needs --models DIR: the manifests of the models in the trace')
  }
  const { models, problems } = await validateManifests([settings.models])
  const [problem] = problems
  if (problem) throw new CommandFailed(`${problem.source}: ${problem.message}`)
  // Read again with the settings' own defaults, which validation does not need.
  return models.map(({ manifest, source, createdAt }) =>
    catalogueModel(manifest, settings, { source, createdAt }),
  )
}

/** Those that are asked for: the others change nothing. */
function plannedModels(
  known: readonly CatalogueModel[],
  trace: Trace,
  givenMs: ReadonlyMap<string, number>,
): readonly PlannedModel[] {
  const asked = new Set(trace.arrivals.map(({ model }) => model))
  const loads = loadTimes([...asked], givenMs, trace)
  return known
    .filter(({ name }) => asked.has(name))
    .map(({ name, facts, maxInFlight }) => ({ facts, maxInFlight, load: loads.get(name)! }))
}

/** A backend has as many GPUs as the largest model takes. */
function backendsOf(
  options: Options,
  { backends }: Settings,
  known: readonly CatalogueModel[],
): number {
  if (options['gpus'] === undefined) return backends.length
  const gpus = positive(options, 'gpus', '--gpus')
  const each = Math.max(...known.map(({ manifest }) => manifest.spec.tensorParallelSize))
  if (gpus >= each) return Math.floor(gpus / each)
  throw new UsageError(`--gpus: ${gpus} are too few; a model takes ${each}`)
}

function givenLoads(
  options: Options,
  known: readonly CatalogueModel[],
): ReadonlyMap<string, number> {
  const words = options['loadSeconds'] as string | readonly string[] | undefined
  const given = words === undefined ? [] : [words].flat()
  return new Map(
    given.map((word): [string, number] => {
      const [, name = '', seconds = ''] = /^(.+)=([\d.]+)$/.exec(word) ?? []
      const model = named(name, known)
      if (!model || !(Number(seconds) >= 0)) {
        const names = known.map((each) => each.name).join(', ')
        throw new UsageError(
          `--load-seconds: expected MODEL=SECONDS with one of ${names}, not ${word}`,
        )
      }
      return [model.name, 1_000 * Number(seconds)]
    }),
  )
}

function timeZoneOf({ timeZone }: Options): string {
  try {
    return new Intl.DateTimeFormat('en', {
      timeZone: timeZone as string | undefined,
    }).resolvedOptions().timeZone
  } catch {
    throw new UsageError(
      `--time-zone: expected a name such as Europe/Berlin, not ${String(timeZone)}`,
    )
  }
}

function amount(options: Options, key: string, flag: string): number {
  const value = Number(options[key])
  if (Number.isFinite(value) && value >= 0) return value
  throw new UsageError(`${flag}: expected a number of at least 0, not ${String(options[key])}`)
}

function positive(options: Options, key: string, flag: string): number {
  const value = amount(options, key, flag)
  if (value > 0) return value
  throw new UsageError(`${flag}: expected a number over 0`)
}

type Told = Parameters<typeof planInWords>[0]

function inJson({ trace, models, plan: result }: Told): string {
  const { beganAt, guessed, others, arrivals } = trace
  const facts = {
    requests: arrivals.length,
    ...(beganAt !== undefined && { beganAt: new Date(beganAt).toISOString() }),
    withoutDuration: guessed,
    otherLines: others,
  }
  const loads = models.map(({ facts: { name }, load }) => ({
    model: name,
    loadMs: load.ms,
    source: load.source,
  }))
  return JSON.stringify({ trace: facts, models: loads, ...result }, null, 2)
}
