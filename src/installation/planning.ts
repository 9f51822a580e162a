import { readFileSync } from 'node:fs'
import { givenSettings, loadSettings, type LoadOptions } from '../config/index.ts'
import { configFile, configFolder } from './manifests/configuration.ts'
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

/** An installation as far as it takes to find it in a cluster. */
export function planPlace(options: PlanningOptions): InstallationPlan {
  const { flags, own, version } = options
  const env = options.env ?? process.env
  const settings = loadSettings({
    ...options,
    flags: { ...flags, driver: 'kubernetes' },
    env: Object.fromEntries(variablesOfPlace.map((name) => [name, env[name]])),
  })
  return {
    ...readInstallationOptions(own, version),
    name: settings.leaseName,
    namespace: settings.namespace,
    version,
    settings,
    configuration: {},
  }
}

/**
 * What is to be installed, from flags and file.
 * @throws ConfigError with every problem of the first step that finds some
 */
export function planInstallation(options: PlanningOptions): InstallationPlan {
  const { flags, readFile = (path) => readFileSync(path, 'utf8') } = options
  const plan = planPlace({ ...options, readFile })
  const { configFile } = plan.settings
  const text = configFile === undefined ? undefined : readFile(configFile)
  return { ...plan, configuration: carriedConfiguration(givenSettings(flags, text)) }
}

/** The same place with the settings of the program that is installed there, below the flags. */
export function planInstalled(options: PlanningOptions, text: string): InstallationPlan {
  const file = `${configFolder}/${configFile}`
  return planPlace({
    ...options,
    flags: { ...options.flags, config: file },
    readFile: (path) => (path === file ? text : readFileSync(path, 'utf8')),
  })
}
