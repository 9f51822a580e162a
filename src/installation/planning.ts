import { readFileSync } from 'node:fs'
import { givenSettings, loadSettings, type LoadOptions } from '../config/index.ts'
import { carriedConfiguration } from './carried.ts'
import { readInstallationOptions } from './options.ts'
import type { InstallationPlan } from './plan.ts'

export interface PlanningOptions extends LoadOptions {
  /** Of settings, as `settingsFromFlags` gives them. */
  readonly flags: Readonly<Record<string, unknown>>
  /** `installationFlags`, as cac gives them. */
  readonly own: Readonly<Record<string, unknown>>
  /** Of this program. */
  readonly version: string
}

/** Variables that say which cluster and file are meant; all others are about programs that run here. */
const variablesOfPlace = [
  'VLLM_NAMESPACE',
  'VLLM_CHILL_CONFIG',
  'VLLM_CHILL_KUBECONFIG',
  'VLLM_CHILL_CONTEXT',
]

/**
 * What is to be installed, from flags and file.
 * @throws ConfigError with every problem of the first step that finds some
 */
export function planInstallation(options: PlanningOptions): InstallationPlan {
  const { flags, own, version, readFile = (path) => readFileSync(path, 'utf8') } = options
  const env = options.env ?? process.env
  const settings = loadSettings({
    ...options,
    readFile,
    flags: { ...flags, driver: 'kubernetes' },
    env: Object.fromEntries(variablesOfPlace.map((name) => [name, env[name]])),
  })
  const { configFile } = settings
  const given = givenSettings(flags, configFile === undefined ? undefined : readFile(configFile))
  return {
    ...readInstallationOptions(own, version),
    name: (settings as { leaseName?: string }).leaseName ?? 'vllm-chill', // SHIM
    namespace: settings.namespace,
    version,
    settings,
    configuration: carriedConfiguration(given),
  }
}
