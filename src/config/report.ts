import { formatDuration } from './durations.ts'
import { definitionOf, settingName } from './names.ts'
import { objectNames, type ObjectNames } from './object-names.ts'
import { podMap } from './pod.ts'
import { settingKeys, type SettingKey } from './settings.ts'
import type { Settings } from './types.ts'

/** One value of the effective configuration, as a person would write it. */
export interface ReportedSetting {
  readonly key: SettingKey
  /** Undefined: not set. Never a secret. */
  readonly value: string | undefined
  readonly source: string
}

/** One backend; undefined fields are left to defaults. */
export interface ReportedBackend {
  readonly name: string
  readonly models: readonly string[] | undefined
  readonly gpus: string | undefined
  readonly idleTimeout: string | undefined
  readonly command: string
  /** Names only: values are often tokens. */
  readonly env: readonly string[]
  /** Undefined where backends are processes. */
  readonly cluster: (ObjectNames & { readonly pod: string }) | undefined
}

/** The effective configuration, fit to be shown to anybody. */
export interface SettingsReport {
  readonly configFile: string | undefined
  readonly settings: readonly ReportedSetting[]
  readonly backends: readonly ReportedBackend[]
}

export function reportSettings(settings: Settings): SettingsReport {
  return {
    configFile: settings.configFile,
    settings: settingKeys.map((key) => ({
      key,
      value: shownValue(key, settings),
      source: settings.sources[key],
    })),
    backends: settings.backends.map((backend) => ({
      name: backend.name,
      models: backend.models,
      gpus:
        backend.pool === undefined ? backend.gpus : `${backend.poolGpus} of pool ${backend.pool}`,
      idleTimeout:
        backend.idleTimeoutMs === undefined ? undefined : formatDuration(backend.idleTimeoutMs),
      command: withoutKeys(backend.command.join(' ')),
      env: Object.keys(backend.env),
      cluster:
        settings.driver === 'kubernetes'
          ? { ...objectNames(settings, backend), pod: withoutKeys(podMap.show(backend.pod)) }
          : undefined,
    })),
  }
}

function shownValue(key: SettingKey, settings: Settings): string | undefined {
  const { kind } = definitionOf(key)
  const value = (settings as unknown as Record<string, unknown>)[settingName(key)]
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined
  if (!kind.isSecret) return withoutKeys(kind.show(value))
  return Array.isArray(value) && value.length > 1 ? `${value.length} secrets` : 'secret'
}

/** Commands may carry vLLM's `--api-key`. */
function withoutKeys(text: string): string {
  return text.replaceAll(/(--api-key[= ]+)\S+/g, '$1…')
}
