import type { BackendStatus, StatusAnswer } from '../operations/index.ts'
import { blockingLines, doing, failureLines } from './backend-words.ts'
import { CommandFailed, Interrupted } from './failure.ts'
import type { RunningInstance } from './running-instance.ts'
import { cut, plain } from './screen/index.ts'
import type { Terminal } from './terminal.ts'

/** Often enough for a person who watches; a status costs the instance next to nothing. */
const pollMs = 250
/** So many looks in a row at backends that rest mean that none of them will do it any more. */
const lookedInVain = 20

const onlyWatching =
  'Only the watching has ended; what was begun goes on: `vllm-chill status --watch` shows it.'

export interface Goal {
  /** The backends whose doings are told. */
  concerns(backend: BackendStatus): boolean
  reached(backends: readonly BackendStatus[]): boolean
  /** Model whose failed start ends the waiting. */
  readonly model?: string | undefined
}

/**
 * Watches until the goal is reached and tells what happens meanwhile: on a terminal in one line that
 * is written over, else a line for each change. Throws `CommandFailed` with the reason when the start
 * of the goal's model fails after `before`, or nothing works on the goal any more; `Interrupted` at Ctrl-C.
 */
export async function follow(
  instance: Pick<RunningInstance, 'status'>,
  goal: Goal,
  before: StatusAnswer,
  terminal: Terminal,
): Promise<StatusAnswer> {
  const tell = teller(terminal)
  const signal = terminal.interruption()
  const known = new Set(failuresOf(before, goal.model).map(({ at }) => at))
  let inVain = 0
  try {
    for (;;) {
      const status = await instance.status()
      const failure = failuresOf(status, goal.model).find(({ at }) => !known.has(at))
      if (failure)
        throw new CommandFailed(failureLines(failure).map(plain).join('\n'), { told: status })
      if (goal.reached(status.backends)) return status
      if (status.shuttingDown)
        throw new CommandFailed('vllm-chill is shutting down.', { told: status })
      const concerned = status.backends.filter((backend) => goal.concerns(backend))
      inVain = concerned.length === 0 && status.backends.every(isAtRest) ? inVain + 1 : 0
      if (inVain === lookedInVain)
        throw new CommandFailed(whyInVain(goal, status), { told: status })
      tell.now(concerned)
      await terminal.pause(pollMs, signal)
      if (signal.aborted) throw new Interrupted(onlyWatching, Number(signal.reason))
    }
  } finally {
    tell.end()
  }
}

function isAtRest({ state, target }: BackendStatus): boolean {
  return target === undefined && /^(cold|ready)(\.|$)/.test(state)
}

function whyInVain({ model }: Goal, { backends }: StatusAnswer): string {
  const doings = backends.map((backend) => `${backend.name}: ${doing(backend)}`)
  const what = model === undefined ? 'Nothing works on it' : `No backend turns to ${model}`
  return [
    `${what}; another command or a change of its manifest may have come in between.`,
    ...doings.map(plain),
  ].join('\n')
}

function failuresOf(status: StatusAnswer, model: string | undefined) {
  return status.backends
    .flatMap(({ failures }) => failures)
    .filter((failure) => failure.model === model)
}

function teller({ isInteractive, say, sayColumns }: Terminal) {
  const told = new Set<string>()
  let width = 0
  return {
    now(backends: readonly BackendStatus[]) {
      if (isInteractive) {
        const words = backends.map((backend) => `${backend.name}: ${doing(backend)}`).join(' · ')
        // A line that wraps, or fills the last column of some terminals, cannot be written over.
        const line = cut(plain(words), (sayColumns() ?? Infinity) - 1)
        say(`\r${line.padEnd(width)}`)
        width = line.length
        return
      }
      for (const { key, line } of backends.flatMap(news)) {
        if (told.has(key)) continue
        told.add(key)
        say(`${plain(line)}\n`)
      }
    },
    end() {
      if (width > 0) say(`\r${' '.repeat(width)}\r`)
    },
  }
}

/** What is worth a line, each under a key that stays the same while it lasts. */
function news(backend: BackendStatus): { key: string; line: string }[] {
  const { name, state, generation } = backend
  return [
    { key: `${name} ${state} ${generation}`, line: `${name}: ${doing(backend)}` },
    ...backend.blocking.map((one) => ({
      key: one.id,
      line: blockingLines({ ...backend, blocking: [one] }).join(''),
    })),
  ]
}
