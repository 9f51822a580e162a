import type { ModelsAnswer, RequestsAnswer, StatusAnswer } from '../../operations/index.ts'
import { instanceAt } from '../running-instance.ts'
import type { Terminal } from '../terminal.ts'
import { candidatesFor, describedCommands, type Candidate, type Names } from './candidates.ts'
import { shells, type Shell } from './scripts.ts'

/** Nobody wants to wait at a Tab. */
const patienceMs = 1_500

/**
 * Answers `complete SHELL -- WORDS…`, where the words are those behind the program's name up to the
 * cursor, the last perhaps empty. What cannot be found out is left out: a Tab says no errors.
 */
export async function answerShell(args: readonly string[], terminal: Terminal): Promise<void> {
  const shell = shells.find((one) => one === args[0])
  if (shell === undefined || args[1] !== '--') return
  const typed = shell === 'bash' ? joined(args.slice(2)) : args.slice(2)
  const current = typed.at(-1) ?? ''
  const before = typed.slice(0, -1)
  // bash shows no descriptions.
  const isDescribed = before.length === 0 && shell !== 'bash'
  const candidates = isDescribed
    ? await describedCommands(terminal)
    : await candidatesFor(before, current, (at) => namesAt(at, terminal), terminal)
  if (candidates === 'files') return terminal.print(':files')
  const lines = candidates
    .filter(({ word }) => word.startsWith(current) && isSafe(word))
    .map((candidate) => answers[shell](candidate, current))
  if (lines.length > 0) terminal.print(lines.join('\n'))
}

/** How each shell wants to hear of a word. */
const answers: Record<Shell, (candidate: Candidate, current: string) => string> = {
  // It has split the word there, and puts in only what is behind the last of them.
  bash: ({ word }, current) =>
    quoted(word.slice(Math.max(...[':', '='].map((mark) => current.lastIndexOf(mark))) + 1)),
  zsh: ({ word, about }) =>
    [word, ...(about === undefined ? [] : [about])]
      .map((part) => part.replaceAll(/[\\:]/g, String.raw`\$&`))
      .join(':'),
  fish: ({ word, about }) => (about === undefined ? word : `${word}\t${about}`),
}

/** Words as a person sees them: bash splits them at `:` and `=`, and gives these as words of their own. */
function joined(parts: readonly string[]): string[] {
  const words: string[] = []
  let glued = false
  for (const part of parts) {
    const isMark = /^[:=]+$/.test(part)
    if ((isMark || glued) && words.length > 0) words.push(`${words.pop() ?? ''}${part}`)
    else words.push(part)
    glued = isMark
  }
  return words
}

/** A name of others may be anything; what would take more than a word on a line is not offered. */
function isSafe(word: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(word)
}

/** bash puts in what it hears as it is. */
function quoted(word: string): string {
  return word.replaceAll(/[^\w@%+=:,./-]/g, String.raw`\$&`)
}

function namesAt(flags: { url?: string; token?: string }, { env }: Terminal): Names {
  const ask = async <T extends object>(path: string): Promise<Partial<T>> => {
    try {
      return await instanceAt(flags, env).read<T>(path, patienceMs)
    } catch {
      return {}
    }
  }
  return {
    models: async () => {
      const { models = [] } = await ask<ModelsAnswer>('models')
      return models.flatMap(({ name, aliases }) => [name].concat(aliases))
    },
    backends: async () => {
      const { backends = [] } = await ask<StatusAnswer>('status')
      return backends.map(({ name }) => name)
    },
    requests: async () => {
      const { inFlight = [], waiting = [] } = await ask<RequestsAnswer>('requests')
      return [...inFlight, ...waiting].map(({ id }) => id)
    },
  }
}
