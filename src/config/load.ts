import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { readBackends, singleBackend } from './backends.ts'
import { chooseValues, withDefaults } from './choose.ts'
import { ConfigError } from './config-error.ts'
import { environmentLayer, fileLayer, flagLayer, type FileLayer } from './layers.ts'
import { findClusterContradictions } from './cluster-contradictions.ts'
import { findPoolContradictions } from './gpu-pools.ts'
import { didYouMean } from './nearest-name.ts'
import { absolutePath, readSecrets, tryReading, type Outside } from './outside.ts'
import type { BackendSettings, FlatSettings, Settings } from './types.ts'

export interface LoadOptions {
  /** From `settingsFromFlags`; `config` is the file to read. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly home?: string
  readonly readFile?: (path: string) => string
}

/**
 * The effective configuration: flag over environment over file over default.
 * @throws ConfigError with every problem found.
 */
export function loadSettings(options: LoadOptions = {}): Settings {
  const problems: string[] = []
  const outside: Outside = {
    env: options.env ?? process.env,
    cwd: options.cwd ?? process.cwd(),
    home: options.home ?? homedir(),
    readFile: options.readFile ?? ((path) => readFileSync(path, 'utf8')),
    complain: (problem) => problems.push(problem),
  }
  const flags = options.flags ?? {}
  const file = readConfigFile(flags, outside)
  const { chosen, sources } = chooseValues(
    [
      flagLayer(flags, outside.cwd, outside.complain),
      environmentLayer(outside.env, outside.cwd),
      ...(file ? [file] : []),
    ],
    outside,
  )
  const flat = withDefaults(chosen, outside)
  const settings: Settings = {
    ...flat,
    apiKeys: allKeys(flat, outside),
    backends: backendsOf(flat, file, outside),
    configFile: file?.path,
    sources: { ...sources, backends: file?.backends === undefined ? 'default' : file.source },
  }
  findContradictions(settings, outside)
  if (problems.length > 0) throw new ConfigError(problems)
  return settings
}

function readConfigFile(
  flags: Readonly<Record<string, unknown>>,
  outside: Outside,
): FileLayer | undefined {
  const fromFlag = flags.config
  const given = fromFlag ?? (outside.env.VLLM_CHILL_CONFIG || undefined)
  if (given === undefined) return undefined
  const place = fromFlag === undefined ? 'VLLM_CHILL_CONFIG' : '--config'
  if (typeof given !== 'string' || given === '') {
    outside.complain(`${place}: expected the path of one file`)
    return undefined
  }
  const path = absolutePath(given, outside.cwd, outside.home)
  const text = tryReading(path, place, outside)
  return text === undefined ? undefined : fileLayer(path, given, text, outside.complain)
}

function allKeys(flat: FlatSettings, outside: Outside): readonly string[] {
  if (flat.apiKeysFile === undefined) return flat.apiKeys
  return [...flat.apiKeys, ...readSecrets(flat.apiKeysFile, 'apiKeysFile', outside)]
}

function backendsOf(
  flat: FlatSettings,
  file: FileLayer | undefined,
  outside: Outside,
): readonly BackendSettings[] {
  if (file?.backends === undefined) return [singleBackend(flat)]
  if (flat.gpus !== undefined) {
    outside.complain('gpus: is for a single backend; give it to each entry of `backends` instead')
  }
  return readBackends(file.backends, flat, (problem) =>
    outside.complain(`${file.shown}: ${problem}`),
  )
}

/** Values that are fine alone and wrong together. */
function findContradictions(settings: Settings, { complain }: Outside): void {
  const { port, operationsPort, operationsToken, apiKeys, driver, backends, keepWarm } = settings
  const names = backends.map(({ name }) => name)
  if (driver === 'kubernetes') findClusterContradictions(settings, complain)
  findPoolContradictions(settings, complain)
  if (operationsPort !== undefined && operationsPort === port && port !== 0) {
    complain(`operationsPort: ${port} is \`port\` too; leave it out to have both on one port`)
  }
  for (const { backend } of keepWarm) {
    if (backend === undefined || backends.some(({ name }) => name === backend)) continue
    complain(`keepWarm: no backend is named ${backend}${didYouMean(backend, names)}`)
  }
  for (const { name, keepWarm: own } of backends) {
    if (own.every(({ backend }) => backend === undefined || backend === name)) continue
    complain(`backends: keepWarm of ${name} names another backend; leave \`backend\` out there`)
  }
  if (settings.returnToDefault && settings.defaultModel === undefined) {
    complain('returnToDefault: needs a `defaultModel`')
  }
  if (operationsToken !== undefined && apiKeys.includes(operationsToken)) {
    complain("operationsToken: is one of `apiKeys` too; a client's key must open nothing here")
  }
}
