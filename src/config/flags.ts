import type { CAC } from 'cac'
import { definitionOf, flagsOf, kebabCase, variablesOf } from './names.ts'
import { fallbackText } from './reference.ts'
import { settingKeys, type SettingKey } from './settings.ts'

type Command = ReturnType<CAC['command']>

/**
 * Gives a command a flag for every setting. Unknown flags are left to `loadSettings`, which names the
 * nearest known one.
 */
export function registerSettings(command: Command): Command {
  command.allowUnknownOptions()
  command.option('--config <file>', 'Configuration file, YAML or JSON [VLLM_CHILL_CONFIG]')
  for (const key of settingKeys) {
    const [flag, ...others] = flagsOf(key)
    command.option(`${flag} ${placeholderOf(key)}`, describe(key))
    for (const other of others) command.option(`${other} ${placeholderOf(key)}`, `As ${flag}`)
  }
  return command
}

function placeholderOf(key: SettingKey): string {
  const { placeholder } = definitionOf(key).kind
  // cac takes what is in angle brackets for required; a boolean may stand alone, or behind `--no-`.
  return placeholder === 'true|false' ? '[true|false]' : `<${placeholder}>`
}

function describe(key: SettingKey): string {
  const meaning = definitionOf(key).meaning.replaceAll('`', '')
  return `${meaning} (${fallbackText(key).replaceAll('`', '')}) [${variablesOf(key).join(', ')}]`
}

/**
 * The settings among the options of a cac command; `besides` are those of the command itself. cac makes
 * numbers of what looks like one (a key `0012` would become 12), so those are taken as they were typed.
 */
export function settingsFromFlags(
  options: Readonly<Record<string, unknown>>,
  besides: readonly string[] = [],
  argv: readonly string[] = process.argv,
): Record<string, unknown> {
  const own = new Set(['--', 'help', 'h', ...besides])
  const settings = Object.entries(options).filter(([name]) => !own.has(name))
  return Object.fromEntries(
    settings.map(([name, value]) => [
      name,
      [value].flat().some((item) => typeof item === 'number') ? asTyped(name, value, argv) : value,
    ]),
  )
}

function asTyped(name: string, value: unknown, argv: readonly string[]): unknown {
  const flag = `--${kebabCase(name)}`
  const typed = argv.flatMap((word, at) => {
    if (word === flag) return argv[at + 1] ?? []
    return word.startsWith(`${flag}=`) ? word.slice(flag.length + 1) : []
  })
  if (typed.length === 0) return value
  return typed.length === 1 ? typed[0] : typed
}
