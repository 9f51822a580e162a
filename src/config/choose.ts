import type { Circumstances, Definition } from './definition.ts'
import type { Given, Layer } from './layers.ts'
import { definitionOf, settingName } from './names.ts'
import { followOutside, type Outside } from './outside.ts'
import { settingKeys, type SettingKey } from './settings.ts'
import type { FlatSettings } from './types.ts'

/** What was given, understood, with where it was given; what was not given is missing. */
export interface Chosen {
  readonly chosen: ReadonlyMap<SettingKey, unknown>
  readonly sources: Readonly<Record<SettingKey, string>>
}

/** Goes through the layers, the strongest first. */
export function chooseValues(layers: readonly Layer[], outside: Outside): Chosen {
  const chosen = new Map<SettingKey, unknown>()
  const sources = {} as Record<SettingKey, string>
  for (const key of settingKeys) {
    sources[key] = 'default'
    for (const layer of layers) {
      const [first, ...others] = layer.find(key)
      if (first === undefined) continue
      const definition = definitionOf(key)
      const value = understand(definition, first, outside)
      sources[key] = first.source
      if (value !== undefined) {
        const at = { directory: layer.directory, place: first.place }
        chosen.set(key, followOutside(definition, value, at, outside))
      }
      for (const other of others) {
        if (value !== understand(definition, other, outside)) {
          outside.complain(
            `${first.place} and ${other.place} set the same value and differ; leave one out`,
          )
        }
      }
      break
    }
  }
  return { chosen, sources }
}

/** Everything that was given, and defaults for the rest. */
export function withDefaults(
  chosen: ReadonlyMap<SettingKey, unknown>,
  { env, home }: Outside,
): FlatSettings {
  const driver =
    (chosen.get('driver') as Circumstances['driver'] | undefined) ?? likelyDriver(chosen, env)
  const circumstances: Circumstances = { driver, env, home }
  const values = settingKeys.map((key) => {
    const value = chosen.has(key) ? chosen.get(key) : fallbackOf(definitionOf(key), circumstances)
    return [settingName(key), value]
  })
  return Object.fromEntries(values) as FlatSettings
}

/** A cluster, where one is named, or where the program runs in one and is given no folder of models. */
function likelyDriver(
  chosen: ReadonlyMap<SettingKey, unknown>,
  env: Outside['env'],
): Circumstances['driver'] {
  const isNamed = (['kubeconfig', 'context', 'namespace'] as const).some((key) => chosen.has(key))
  const isInside = Boolean(env['KUBERNETES_SERVICE_HOST']) && !chosen.has('models')
  return isNamed || isInside ? 'kubernetes' : 'process'
}

/** The default; a function of the circumstances where it depends on something. */
function fallbackOf({ fallback }: Definition<unknown>, circumstances: Circumstances): unknown {
  return typeof fallback === 'function' ? fallback(circumstances) : fallback
}

function understand({ kind }: Definition<unknown>, given: Given, outside: Outside): unknown {
  const { raw, place } = given
  if (raw === true && kind.placeholder !== 'true|false') {
    outside.complain(`${place}: needs a value; expected ${kind.expects}`)
    return undefined
  }
  if (Array.isArray(raw) && raw.length > 1 && place.startsWith('--') && !takesLists(kind.json)) {
    outside.complain(`${place}: is given ${raw.length} times; once is enough`)
    return undefined
  }
  const value = kind.read(raw)
  if (value === undefined && kind.explain) {
    for (const problem of kind.explain(raw)) outside.complain(`${place}${problem}`)
  } else if (value === undefined) {
    const shown = kind.isSecret ? 'what is given' : JSON.stringify(raw)
    outside.complain(
      `${place}: ${shown} is not understood; expected ${kind.expects}${hintFor(raw)}`,
    )
  }
  return value
}

function takesLists({ type }: Readonly<Record<string, unknown>>): boolean {
  return [type].flat().includes('array')
}

function hintFor(raw: unknown): string {
  return typeof raw === 'string' && raw.startsWith('tcp://')
    ? '. Kubernetes sets this variable for a Service of that name; set `enableServiceLinks: false` on the pod'
    : ''
}
