import { stripVTControlCharacters } from 'node:util'
import type { Screen } from '../../../src/cli/screen/index.ts'
import { pipeTerminal, type Terminal } from '../../../src/cli/terminal.ts'

/** A terminal that remembers what was printed and said. */
export interface FakeTerminal extends Terminal {
  readonly printed: string[]
  readonly said: string[]
  /** As Ctrl-C does. */
  interrupt(): void
  /** Lets the time come for everything that is done again and again. */
  tick(): void
}

export function fakeTerminal(
  env: Record<string, string> = {},
  isInteractive = false,
  more: Partial<Terminal> = {},
): FakeTerminal {
  const printed: string[] = []
  const said: string[] = []
  const tasks = new Set<() => void>()
  const interruption = new AbortController()
  return {
    ...pipeTerminal({
      env,
      isInteractive,
      print: (text) => void printed.push(text),
      say: (text) => void said.push(text),
      every: (_, task) => {
        tasks.add(task)
        return () => tasks.delete(task)
      },
      interruption: () => interruption.signal,
      ...more,
    }),
    printed,
    said,
    interrupt: () => interruption.abort(130),
    tick: () => {
      for (const task of tasks) task()
    },
  }
}

/** A screen of a given size, on which the last drawing can be seen. */
export class FakeScreen implements Screen {
  written = ''
  readonly #listeners = new Set<() => void>()
  #columns: number
  readonly #rows: number
  readonly #waiting = new Set<() => void>()
  #hooks: { leave: () => void; enter: () => void } | undefined

  constructor(columns: number, rows = 24) {
    this.#columns = columns
    this.#rows = rows
  }

  columns() {
    return this.#columns
  }

  rows() {
    return this.#rows
  }

  write(text: string) {
    this.written += text
    for (const look of this.#waiting) look()
  }

  onResize(listener: () => void) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  whileHidden(hooks: { leave: () => void; enter: () => void }) {
    this.#hooks = hooks
    return () => undefined
  }

  /** As Ctrl-Z does. */
  suspend() {
    this.#hooks?.leave()
  }

  /** As `fg` does. */
  resume() {
    this.#hooks?.enter()
  }

  resize(columns: number) {
    this.#columns = columns
    for (const listener of this.#listeners) listener()
  }

  get listeners() {
    return this.#listeners.size
  }

  /** What stands on it, without colours. */
  get lines(): string[] {
    const last = this.written.split('\u001B[H').at(-1) ?? ''
    return stripVTControlCharacters(last.split('\u001B[J')[0] ?? '').split('\r\n')
  }

  /** Once this can be read on it. */
  async shows(what: string | RegExp): Promise<void> {
    const isThere = () => this.lines.join('\n').match(what) !== null
    if (isThere()) return
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!isThere()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }
}
