import { setTimeout as delay } from 'node:timers/promises'

/** One line of the program's JSON log. */
export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** Long enough for a loaded machine; only a test that fails waits for it. */
export const deadlineMs = 20_000

/** The lines that a program has written, and those that it will. */
export class LogLines {
  readonly all: LogLine[] = []
  readonly #more = new EventTarget()
  #rest = ''
  #ended: string | undefined

  read(text: string): void {
    const parts = (this.#rest + text).split('\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) if (part !== '') this.all.push(JSON.parse(part) as LogLine)
    this.#more.dispatchEvent(new Event('lines'))
  }

  /** Nothing more comes: whoever waits is told. */
  end(why: string): void {
    this.#ended = why
    this.#more.dispatchEvent(new Event('lines'))
  }

  /** The first such line from the `from`-th on, written already or not yet. */
  async waitFor(isIt: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    const over = AbortSignal.timeout(deadlineMs)
    for (let next = from; ;) {
      for (; next < this.all.length; next++) {
        const line = this.all[next] as LogLine
        if (isIt(line)) return line
      }
      if (this.#ended !== undefined) throw new Error(`no such line: ${this.#ended}\n${this.tail()}`)
      if (over.aborted) throw new Error(`no such line in time: ${String(isIt)}\n${this.tail()}`)
      await this.#change(over)
    }
  }

  /** For the message of a test that fails. */
  tail(count = 40): string {
    return this.all
      .slice(-count)
      .map(({ time, level, msg }) => `${String(time)} ${level} ${msg}`)
      .join('\n')
  }

  #change(over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const dispose = () => {
        this.#more.removeEventListener('lines', dispose)
        over.removeEventListener('abort', dispose)
        resolve()
      }
      this.#more.addEventListener('lines', dispose)
      over.addEventListener('abort', dispose)
    })
  }
}

/** A line of the chart: the backend has entered that state, or a state inside it. */
export const enters =
  (state: string, model?: string) =>
  ({ to, model: of }: LogLine): boolean =>
    typeof to === 'string' &&
    (to === state || to.startsWith(`${state}.`)) &&
    (model === undefined || of === model)

export const says =
  (text: string) =>
  ({ msg }: LogLine): boolean =>
    msg.includes(text)

/** Asks again and again until it is so; what it looks at is in `describe`, for the one that fails. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  describe: () => string = () => String(isSo),
): Promise<void> {
  const over = performance.now() + deadlineMs
  while (!(await isSo())) {
    if (performance.now() > over) throw new Error(`not so in time: ${describe()}`)
    await delay(10)
  }
}
