import { parse } from 'yaml'
import { isMap, type Kind, type Unit } from './kinds.ts'
import { camelCase, definitionOf, flagsOf } from './names.ts'
import { settingKeys, type SettingKey } from './settings.ts'

/**
 * What flags and file say, as one configuration file would say it: the file's content, structured parts
 * included, and over it the flags. Only for what `loadSettings` has accepted.
 *
 * @param text of the file, when there is one
 */
export function givenSettings(
  flags: Readonly<Record<string, unknown>>,
  text?: string,
): Record<string, unknown> {
  const parsed: unknown = text === undefined ? {} : parse(text)
  const content = isMap(parsed) ? parsed : {}
  const settings = settingKeys.flatMap((key) => {
    const flag = flagsOf(key)
      .map((flag) => flags[camelCase(flag.slice(2))])
      .find((raw) => raw !== undefined)
    const value = flag === undefined ? content[key] : asWritten(key, flag)
    return value === undefined || value === null ? [] : [[key, value] as const]
  })
  const others = Object.entries(content).filter(([key]) => !settingKeys.includes(key as SettingKey))
  return Object.fromEntries([...settings, ...others])
}

/** A flag's value as a person would write it in YAML. */
function asWritten(key: SettingKey, raw: unknown): unknown {
  const kind: Kind<unknown, Unit> = definitionOf(key).kind
  const value = kind.read(raw)
  const isText = kind.unit !== '' || kind.json['type'] === 'string'
  return isText && value !== undefined ? kind.show(value) : value
}
