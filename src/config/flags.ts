import type { CAC } from 'cac'
import { groups } from './definition.ts'
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

/** The first sentence, as the flags call things; the rest stands in the reference. */
function describe(key: SettingKey): string {
  const [sentence = ''] = definitionOf(key).meaning.split(/(?<=\.)(?: |$)/)
  return `${inFlags(sentence)} (default: ${inFlags(fallbackText(key))}) [${variablesOf(key).join(', ')}]`
}

function inFlags(markdown: string): string {
  return markdown.replaceAll(/`([^`]*)`/g, (_, word: string) =>
    settingKeys.includes(word as SettingKey) ? `--${kebabCase(word)}` : word,
  )
}

interface HelpSection {
  title?: string
  body: string
}

/** cac's help with the options of settings under the headings of their groups. */
export function groupHelp(sections: readonly HelpSection[]): HelpSection[] {
  return sections.flatMap((section) => {
    if (section.title !== 'Options') return [section]
    const lines = new Map<string, string[]>()
    for (const line of section.body.split('\n')) {
      const title = groupByFlag.get(/--[\w-]+/.exec(line)?.[0] ?? '') ?? 'Options'
      lines.set(title, [...(lines.get(title) ?? []), line])
    }
    return [...lines].map(([title, body]) => ({ title, body: body.join('\n') }))
  })
}

const groupByFlag = new Map(
  settingKeys.flatMap((key) => flagsOf(key).map((flag) => [flag, groups[definitionOf(key).group]])),
)

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
