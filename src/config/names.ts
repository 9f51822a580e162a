import type { Definition } from './definition.ts'
import { settingDefinitions, settingKeys, type SettingKey } from './settings.ts'

/** The table with its exact types forgotten, for code that treats all settings alike. */
export function definitionOf(key: SettingKey): Definition<unknown> {
  return settingDefinitions[key]
}

/** `idleTimeout` → `idle-timeout`. */
export function kebabCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `model-switch-timeout` → `modelSwitchTimeout`, as cac names its options. */
export function camelCase(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** Flags for this setting, with their dashes, the preferred one first. */
export function flagsOf(key: SettingKey): string[] {
  const { alsoFlag } = definitionOf(key)
  return [kebabCase(key), ...(alsoFlag === undefined ? [] : [alsoFlag])].map((flag) => `--${flag}`)
}

/** Environment variables for this setting, the preferred one first. */
export function variablesOf(key: SettingKey): readonly string[] {
  return (
    definitionOf(key).env ?? [`VLLM_CHILL_${kebabCase(key).replaceAll('-', '_').toUpperCase()}`]
  )
}

/** `idleTimeout` → `idleTimeoutMs`: the name in `Settings`, which carries the unit. */
export function settingName(key: SettingKey): string {
  const { unit } = definitionOf(key).kind
  return key.endsWith(unit) ? key : `${key}${unit}`
}

/** Every flag, with its dashes. */
export const allFlags: readonly string[] = ['--config', ...settingKeys.flatMap(flagsOf)]
