import type { CAC, Command } from 'cac'
import { commands, createCommandLine } from '../commands.ts'
import type { Terminal } from '../terminal.ts'

export interface Candidate {
  readonly word: string
  readonly about?: string
}

/** What only a running instance knows. */
export interface Names {
  models(): Promise<readonly string[]>
  backends(): Promise<readonly string[]>
  requests(): Promise<readonly string[]>
}

export type Candidates = readonly Candidate[] | 'files'

/**
 * Everything that may stand where the cursor is, whatever has been typed of it. `typed` are the whole
 * words behind the program's name, `current` the one under the cursor, perhaps empty.
 */
export async function candidatesFor(
  typed: readonly string[],
  current: string,
  namesAt: (flags: { url?: string; token?: string }) => Names,
  terminal: Terminal,
): Promise<Candidates> {
  const [name] = typed
  if (name === undefined) return wordsOf(Object.keys(commands))
  if (!Object.hasOwn(commands, name)) return []
  const cli = await createCommandLine(name, terminal)
  const command = cli.commands[0]!
  const given = read(cli, command, typed.slice(1))
  const names = namesAt(given.place)
  if (given.open !== undefined) return await values(given.open, names)
  if (current.startsWith('-')) {
    const [flag, value] = split(current)
    if (value === undefined) return flagsOf(cli, command, given.flags)
    const option = optionOf(cli, command, flag)
    const chosen = option?.placeholder === undefined ? [] : await values(option.placeholder, names)
    if (chosen === 'files') return 'files'
    return chosen.map(({ word }) => ({ word: `${flag}=${word}` }))
  }
  const argument = command.args[given.words] ?? command.args.find(({ variadic }) => variadic)
  return argument ? await values(argument.value, names) : []
}

interface Given {
  /** Placeholder of a flag that still wants its value. */
  readonly open: string | undefined
  readonly flags: ReadonlySet<string>
  /** Words that are neither flags nor their values. */
  readonly words: number
  readonly place: { url?: string; token?: string }
}

function read(cli: CAC, command: Command, words: readonly string[]): Given {
  const flags = new Set<string>()
  const place: Record<string, string> = {}
  let open: { flag: string; placeholder: string } | undefined
  let count = 0
  for (const word of words) {
    if (open) {
      place[open.flag] = word
      open = undefined
    } else if (word.startsWith('-')) {
      const [flag, value] = split(word)
      const option = optionOf(cli, command, flag)
      flags.add(flag)
      if (value !== undefined) place[flag] = value
      else if (option?.placeholder !== undefined) open = { flag, placeholder: option.placeholder }
    } else {
      count++
    }
  }
  const { '--url': url, '--token': token } = place
  return {
    open: open?.placeholder,
    flags,
    words: count,
    place: { ...(url !== undefined && { url }), ...(token !== undefined && { token }) },
  }
}

interface OptionWords {
  /** `--json` */
  readonly flag: string
  readonly about: string
  /** What its value is called; undefined where it takes none. */
  readonly placeholder: string | undefined
}

function optionsOf(cli: CAC, command: Command): OptionWords[] {
  return [...command.options, ...cli.globalCommand.options]
    .filter(({ name }) => name !== 'version')
    .map(({ rawName, description }) => ({
      flag: /--[\w-]+/.exec(rawName)?.[0] ?? rawName,
      about: description,
      // A value in square brackets may be left out, and mostly is.
      placeholder: /<([^>]+)>/.exec(rawName)?.[1],
    }))
}

function optionOf(cli: CAC, command: Command, flag: string): OptionWords | undefined {
  return optionsOf(cli, command).find((option) => option.flag === flag)
}

function flagsOf(cli: CAC, command: Command, given: ReadonlySet<string>): readonly Candidate[] {
  return optionsOf(cli, command)
    .filter(({ flag }) => !given.has(flag))
    .map(({ flag, about }) => ({ word: flag, about }))
}

/** With what each is for; for that all of the program has to be read. */
export async function describedCommands(terminal: Terminal): Promise<readonly Candidate[]> {
  const cli = await createCommandLine(undefined, terminal)
  return cli.commands.map(({ name, description }) => ({ word: name, about: description }))
}

/** By what the help calls them: `<model>`, `<path>`, `<bash|zsh|fish>`. */
async function values(placeholder: string, names: Names): Promise<Candidates> {
  if (placeholder.includes('|')) return placeholder.split('|').map((word) => ({ word }))
  switch (placeholder) {
    case 'model':
      return wordsOf(await names.models())
    case 'backend':
      return wordsOf(await names.backends())
    case 'id':
      return wordsOf(await names.requests())
    case 'file':
    case 'files':
    case 'path':
      return 'files'
    default:
      return []
  }
}

function wordsOf(words: readonly string[]): Candidate[] {
  return words.map((word) => ({ word }))
}

function split(word: string): [string, string | undefined] {
  const at = word.indexOf('=')
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}
