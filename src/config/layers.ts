import { dirname } from 'node:path'
import { parseDocument } from 'yaml'
import { isMap } from './kinds.ts'
import { allFlags, camelCase, flagsOf, kebabCase, variablesOf } from './names.ts'
import { didYouMean } from './nearest-name.ts'
import { settingKeys, type SettingKey } from './settings.ts'

/** A value as it was given, before anybody has made sense of it. */
export interface Given {
  readonly raw: unknown
  /** `flag --port`, `environment PORT`, `file x.yaml`. */
  readonly source: string
  /** How a message calls the place: `--port`, `PORT`, `x.yaml: port`. */
  readonly place: string
}

/** One of the places that settings come from. */
export interface Layer {
  /** More than one where a setting has two names and both are used. */
  find(key: SettingKey): readonly Given[]
  /** Relative paths start here. */
  readonly directory: string
}

export type Complain = (problem: string) => void

/** Options as cac gives them: camelCase, `--no-hold` as `hold: false`. */
export function flagLayer(
  flags: Readonly<Record<string, unknown>>,
  directory: string,
  complain: Complain,
): Layer {
  const known = new Set(allFlags.map((flag) => camelCase(flag.slice(2))))
  for (const name of Object.keys(flags).filter((name) => !known.has(name))) {
    const flag = name.length === 1 ? `-${name}` : `--${kebabCase(name)}`
    complain(`${flag}: unknown flag${didYouMean(flag, allFlags)}`)
  }
  return {
    directory,
    find: (key) =>
      flagsOf(key).flatMap((flag) => {
        const raw = flags[camelCase(flag.slice(2))]
        return raw === undefined ? [] : [{ raw, source: `flag ${flag}`, place: flag }]
      }),
  }
}

/** An empty variable counts as not set, since manifests and shells cannot always unset one. */
export function environmentLayer(
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
): Layer {
  return {
    directory,
    find: (key) =>
      variablesOf(key).flatMap((variable) => {
        const raw = env[variable]
        return raw === undefined || raw === ''
          ? []
          : [{ raw, source: `environment ${variable}`, place: variable }]
      }),
  }
}

export interface FileLayer extends Layer {
  readonly path: string
  /** As it was named: what messages show. */
  readonly shown: string
  readonly source: string
  /** The list of backends as written; undefined when there is none. */
  readonly backends: unknown
}

/** YAML, or JSON, which is YAML too. A key without a value counts as not set. */
export function fileLayer(
  path: string,
  shown: string,
  text: string,
  complain: Complain,
): FileLayer {
  const content = parseFile(shown, text, complain)
  const known = [...settingKeys, 'backends']
  for (const key of Object.keys(content).filter((key) => !known.includes(key))) {
    complain(`${shown}: ${key}: unknown setting${didYouMean(key, known)}`)
  }
  const source = `file ${shown}`
  return {
    path,
    shown,
    source,
    directory: dirname(path),
    backends: content.backends ?? undefined,
    find: (key) => {
      const raw = content[key] ?? undefined
      return raw === undefined ? [] : [{ raw, source, place: `${shown}: ${key}` }]
    },
  }
}

function parseFile(shown: string, text: string, complain: Complain): Record<string, unknown> {
  // Warnings would go to the console by themselves, with what stands there, secrets too.
  const document = parseDocument(text, { logLevel: 'error' })
  if (document.errors.length > 0) {
    // Behind the first line comes a drawing of the place, which may hold a secret.
    for (const error of document.errors) complain(`${shown}: ${error.message.split('\n')[0]}`)
    return {}
  }
  const content: unknown = document.toJS()
  if (content === null || content === undefined) return {}
  if (isMap(content)) return content
  complain(`${shown}: expected a map of settings, such as \`port: 8080\``)
  return {}
}
