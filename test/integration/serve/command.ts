import { execFile, spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { entry, plainEnvironment } from './program.ts'

/** A command of the program's own, as a process. */
export function run(...words: string[]): Promise<{ code: number; out: string; said: string }> {
  return new Promise((resolve) => {
    const options = { env: plainEnvironment }
    execFile(process.execPath, [entry, ...words], options, (error, out, said) => {
      resolve({ code: error ? Number(error.code) : 0, out, said })
    })
  })
}

/** One that goes on until it is told to end. */
export interface RunningCommand {
  /** All that it has printed so far. */
  readonly out: string
  readonly said: string
  /** Once it has printed this, behind that place. */
  prints(what: RegExp, from?: number): Promise<void>
  says(what: RegExp): Promise<void>
  /** As from a keyboard. */
  type(text: string): void
  interrupt(): void
  readonly exited: Promise<number | null>
}

/** The command with its output in a pipe. */
export function start(...words: string[]): RunningCommand {
  return follow(process.execPath, [entry, ...words])
}

/** The command on a terminal of its own; the first line that it prints is the terminal's path. */
export function startOnTerminal(columns: number, rows: number, ...words: string[]): RunningCommand {
  const command = [process.execPath, entry, ...words].map((word) => `'${word}'`).join(' ')
  const line = `stty cols ${columns} rows ${rows} && tty && exec ${command}`
  return follow('script', ['-qec', line, '/dev/null'])
}

function follow(file: string, words: readonly string[]): RunningCommand {
  const child = spawn(file, words, { env: { ...plainEnvironment, TERM: 'xterm' } })
  onTestFinished(() => void child.kill('SIGKILL'))
  const texts = { out: '', said: '' }
  const waiting = new Set<() => void>()
  const take = (stream: NodeJS.ReadableStream, name: keyof typeof texts) => {
    stream.setEncoding('utf8').on('data', (part: string) => {
      texts[name] += part
      for (const look of waiting) look()
    })
  }
  take(child.stdout, 'out')
  take(child.stderr, 'said')
  const { promise: exited, resolve: end } = Promise.withResolvers<number | null>()
  child.once('close', (code) => {
    end(code)
    for (const look of waiting) look()
  })
  const until = (name: keyof typeof texts, what: RegExp, from = 0) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        const isThere = what.test(texts[name].slice(from))
        const isOver = child.exitCode !== null || child.signalCode !== null
        if (!isThere && !isOver) return
        waiting.delete(look)
        if (isThere) resolve()
        else reject(new Error(`${String(what)} never came; there was ${JSON.stringify(texts)}`))
      }
      waiting.add(look)
      look()
    })
  return {
    get out() {
      return texts.out
    },
    get said() {
      return texts.said
    },
    prints: (what, from) => until('out', what, from),
    says: (what) => until('said', what),
    type: (text) => void child.stdin.write(text),
    interrupt: () => void child.kill('SIGINT'),
    exited,
  }
}
