import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import type { Readable } from 'node:stream'
import { withoutSecretWords } from '../../telemetry/index.ts'

/** Lines kept of each backend: enough for the end of a Python traceback with its cause. */
const linesKept = 100
/** A line longer than this (a dump, a binary) is cut, characters. */
const longestLine = 4096

/** The last lines a backend wrote, and whoever wants each of them as it comes. */
export class OutputTail {
  #lines: string[] = []
  readonly #onLine: (line: string) => void

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Reads standard output or standard error to its end, as lines. */
  follow(stream: Readable): void {
    const decoder = new StringDecoder('utf8')
    let rest = ''
    stream.on('data', (chunk: Buffer) => {
      const pieces = (rest + decoder.write(chunk)).split('\n')
      const unfinished = pieces.pop() ?? ''
      rest = shorten(unfinished) + (unfinished.endsWith('\r') ? '\r' : '')
      for (const piece of pieces) this.#keep(piece)
    })
    stream.on('end', () => {
      if (rest) this.#keep(rest)
      rest = ''
    })
    stream.on('error', () => {
      // The pipe broke: the process is gone, and its exit says so.
    })
  }

  #keep(piece: string): void {
    const line = withoutSecretWords(stripVTControlCharacters(shorten(piece)).trimEnd())
    if (line === '') return
    // A copy at each line: whoever took the tail for a failure keeps the one of that moment.
    this.#lines = [...this.#lines.slice(1 - linesKept), line]
    this.#onLine(line)
  }
}

/** What a terminal would show of it: a progress bar draws over itself with carriage returns. */
function shorten(piece: string): string {
  const drawn = piece.replace(/\r+$/, '')
  return drawn.slice(drawn.lastIndexOf('\r') + 1).slice(0, longestLine)
}
