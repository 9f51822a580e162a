import { followEvents } from './event-stream.ts'
import { CommandFailed } from './failure.ts'
import { mayPass } from './instance-calls.ts'
import type { RunningInstance } from './running-instance.ts'
import { folded, openLiveView, paintFor } from './screen/index.ts'
import { statusText } from './status.ts'
import { statusBoard, type StatusBoard } from './status-board.ts'
import type { Terminal } from './terminal.ts'

/** Where the instance does not tell its events. */
const pollMs = 1_000
/** Times grow on the screen also while nothing happens. */
const redrawMs = 1_000

/** What a status is made of: nothing of single requests. */
const types = ['snapshot', 'models', 'goodbye']

/**
 * Shows the status as it changes until it is told to end: on a terminal in its place, else as one more
 * table (or line of JSON) for each change. Resolves with the exit code.
 */
export async function watchStatus(
  instance: RunningInstance,
  { json }: { readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const signal = terminal.interruption()
  const board = statusBoard(await instance.status())
  const show = json || !terminal.screen ? inPipe(board, json, terminal) : onScreen(board, terminal)
  try {
    show.changed()
    await keepUpToDate(instance, board, terminal, signal, show.changed)
  } finally {
    show.end()
  }
  return Number(signal.reason)
}

interface Shown {
  readonly changed: () => void
  readonly end: () => void
}

function onScreen(board: StatusBoard, terminal: Terminal): Shown {
  const paint = paintFor(terminal)
  const view = openLiveView(terminal.screen!, (columns) => {
    const { status, now, lost } = board.at(Date.now())
    const notes = lost === undefined ? [] : folded([`${lost} Trying again.`], columns)
    return [
      ...notes.map((line) => paint('bad', line)),
      ...statusText(status, { now, columns, paint }).split('\n'),
    ]
  })
  const stop = terminal.every(redrawMs, view.draw)
  return {
    changed: view.draw,
    end: () => {
      stop()
      view.close()
    },
  }
}

function inPipe(board: StatusBoard, json: boolean, terminal: Terminal): Shown {
  let printed: string | undefined
  let said: string | undefined
  return {
    changed: () => {
      const { status, now, lost } = board.at(Date.now())
      if (lost !== said && lost !== undefined) terminal.say(`vllm-chill: ${lost} Trying again.\n`)
      said = lost
      const key = board.key()
      if (key === printed) return
      const isFirst = printed === undefined
      printed = key
      if (json) return terminal.print(JSON.stringify(status))
      terminal.print((isFirst ? '' : '\n') + statusText(status, { now }))
    },
    end: () => undefined,
  }
}

async function keepUpToDate(
  instance: RunningInstance,
  board: StatusBoard,
  terminal: Terminal,
  signal: AbortSignal,
  changed: () => void,
): Promise<void> {
  let isTold = false
  try {
    for await (const event of followEvents(instance, { types }, signal, terminal)) {
      isTold = true
      board.take(event)
      if (event.type === 'hello') await renewProblems(instance, board)
      changed()
    }
  } catch (error) {
    // An older one, too many who read already, or a proxy on the way that waits for the end.
    if (isTold || !(error instanceof CommandFailed)) throw error
    await poll(instance, board, terminal, signal, changed)
  }
}

/** Told only when they change, so asked for after each start of the instance. */
async function renewProblems(instance: RunningInstance, board: StatusBoard): Promise<void> {
  try {
    board.mend((await instance.status()).problems)
  } catch (error) {
    // Gone again already: the stream will say so.
    if (!(error instanceof CommandFailed)) throw error
  }
}

async function poll(
  instance: RunningInstance,
  board: StatusBoard,
  { pause }: Terminal,
  signal: AbortSignal,
  changed: () => void,
): Promise<void> {
  for (;;) {
    await pause(pollMs, signal)
    if (signal.aborted) return
    try {
      board.renew(await instance.status())
    } catch (error) {
      if (!mayPass(error)) throw error
      board.take({ type: 'lost', why: error.message })
    }
    changed()
  }
}
