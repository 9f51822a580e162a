import type { CAC } from 'cac'
import { UsageError } from './failure.ts'

/**
 * What is wrong with a parsed command line, with the nearest name that exists; undefined when nothing.
 * cac lets unknown commands pass and suggests nothing.
 */
export async function complaintAbout(
  cli: CAC,
  commands: readonly string[],
): Promise<string | undefined> {
  const { matchedCommand } = cli
  if (!matchedCommand) {
    const [name] = cli.args
    if (name === undefined) return 'a command is missing'
    return `unknown command "${name}"${await suggestion(name, commands)}`
  }
  if (matchedCommand.config.allowUnknownOptions) return undefined
  const options = [...matchedCommand.options, ...cli.globalCommand.options]
  const known = options.flatMap(({ names }) => names)
  const unknown = Object.keys(cli.options).find((name) => name !== '--' && !known.includes(name))
  if (unknown === undefined) return undefined
  const flag = kebab(unknown)
  // `--no-wiat` arrives here as `wiat`.
  const dashes = cli.rawArgs.includes(`--no-${flag}`) ? '--no-' : flag.length > 1 ? '--' : '-'
  const near = await suggestion(flag, known.filter((name) => name.length > 1).map(kebab), dashes)
  return `unknown option ${dashes}${flag} of \`vllm-chill ${matchedCommand.name}\`${near}`
}

/**
 * The text given to an option. cac turns what looks like a number into one, which changes a token such
 * as `0123` or `1e9`. Of several, the last counts.
 */
export function optionText(cli: CAC, flag: string): string | undefined {
  const args = cli.rawArgs
  const last = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`))
  if (last === -1) return undefined
  const arg = args[last] ?? ''
  return arg === flag ? args[last + 1] : arg.slice(flag.length + 1)
}

/** An argument as it was typed: cac makes a number of what looks like one, such as `0123` or `1e9`. */
export function argumentText(cli: CAC, value: unknown): string {
  if (typeof value !== 'number') return String(value)
  return cli.rawArgs.slice(2).find((arg) => Number(arg) === value) ?? String(value)
}

/** The whole number given to an option; throws `UsageError` for anything else. */
export function wholeNumber(cli: CAC, flag: string): number | undefined {
  const given = optionText(cli, flag)
  if (given === undefined) return undefined
  if (/^\d{1,9}$/.test(given)) return Number(given)
  throw new UsageError(`${flag}: ${given} is no whole number`)
}

/** Imported only here: a command line without mistakes need not wait for the configuration. */
async function suggestion(given: string, known: readonly string[], dashes = ''): Promise<string> {
  const { didYouMean } = await import('../config/index.ts')
  return didYouMean(given, known, dashes)
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
