import { backendFields } from './backends.ts'
import { groups, type Group } from './definition.ts'
import { definitionOf, flagsOf, variablesOf } from './names.ts'
import { settingKeys, type SettingKey } from './settings.ts'

/** One row of the reference of settings. */
export interface SettingReference {
  readonly key: SettingKey
  readonly group: Group
  readonly flags: readonly string[]
  readonly variables: readonly string[]
  /** Markdown. */
  readonly fallback: string
  /** Markdown. */
  readonly meaning: string
}

/** Every setting in words, in the order of the table; docs and help are made of it. */
export function settingsReference(): SettingReference[] {
  return settingKeys.map((key) => ({
    key,
    group: definitionOf(key).group,
    flags: flagsOf(key),
    variables: variablesOf(key),
    fallback: fallbackText(key),
    meaning: definitionOf(key).meaning,
  }))
}

/** The default as Markdown. */
export function fallbackText(key: SettingKey): string {
  const { fallbackText: words, fallback, kind } = definitionOf(key)
  if (words !== undefined) return words
  return fallback === undefined ? 'not set' : `\`${kind.show(fallback)}\``
}

/** JSON schema of the configuration file, for editors. */
export function settingsJsonSchema(): Record<string, unknown> {
  const properties = settingKeys.map((key) => {
    const { kind, meaning } = definitionOf(key)
    return [key, { ...kind.json, description: `${meaning} Default: ${fallbackText(key)}.` }]
  })
  const fields = Object.entries(backendFields).map(([name, { kind, meaning }]) => [
    name,
    { ...kind.json, description: meaning },
  ])
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'vllm-chill configuration',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(properties),
      backends: {
        description: 'Places that serve one model each at a time; one named `vllm` unless given.',
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['name'],
          properties: Object.fromEntries(fields),
        },
      },
    },
  }
}

export { backendFields, groups }
