import { ChillError } from '../errors/index.ts'
import type { BodyScanner, Span } from './body-scanner.ts'

const quote = 0x22
const backslash = 0x5c
const byteOrderMark = [0xef, 0xbb, 0xbf]

/** Longest raw `"model"` value, bytes; a path of a file system fits. */
const longestValue = 4096
/** `"model"` with every character escaped is 30 bytes; a longer key is another one. */
const longestKey = 36

const State = {
  start: 0,
  keyOrEnd: 1,
  key: 2,
  colon: 3,
  value: 4,
  afterValue: 5,
  end: 6,
  string: 7,
  nested: 8,
  scalar: 9,
} as const

const Key = { other: 0, model: 1, stream: 2 } as const

/**
 * Finds the top-level `model` and `stream` of a JSON object in its bytes, as they arrive, without
 * building objects: JSON.parse on a body with images blocks the loop for milliseconds, this does not.
 * It agrees with JSON.parse on every valid document (a property test holds it to that) and refuses
 * what it can see to be broken; the rest of the grammar is left to whoever parses the body.
 */
export class ModelScanner implements BodyScanner {
  model: string | undefined
  stream = false
  readonly spans: Span[] = []

  #state: number = State.start
  #depth = 0
  /** Bytes in earlier chunks. */
  #before = 0
  /** What the value that comes now belongs to. */
  #key: number = Key.other
  /** Inside a string: whether it is a key, and what is kept of it. */
  #isKey = false
  #keeps = false
  #kept: Buffer | undefined
  #stringStart = 0
  /** Inside a string: an odd number of backslashes ended the last chunk. */
  #escaping = false
  #scalar = ''
  #named = false

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#state === State.string) at = this.#inString(chunk, at)
      else if (this.#state === State.nested) at = this.#inNested(chunk, at)
      else at = this.#atTop(chunk, at)
    }
    this.#before += chunk.length
  }

  end(): void {
    if (this.#state !== State.end) throw broken()
  }

  literal(name: string): Buffer {
    return Buffer.from(JSON.stringify(name))
  }

  /** One byte between the tokens of the outermost object, or of a number or word in it. */
  #atTop(chunk: Buffer, at: number): number {
    const byte = chunk[at] as number
    const blank = byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
    switch (this.#state) {
      case State.scalar:
        if (blank || byte === 0x2c || byte === 0x7d) {
          this.#scalarEnds()
          return at
        }
        if (this.#scalar.length < 8) this.#scalar += String.fromCharCode(byte)
        return at + 1
      case State.value:
        if (blank) return at + 1
        return this.#valueBegins(byte, at)
      default:
    }
    if (blank) return at + 1
    switch (this.#state) {
      case State.start:
        // vLLM's parser tolerates a UTF-8 byte order mark, so it is no reason to refuse here.
        if (byte === byteOrderMark[this.#before + at]) return at + 1
        if (byte !== 0x7b) throw broken()
        this.#depth = 1
        this.#state = State.keyOrEnd
        return at + 1
      case State.keyOrEnd:
      case State.key:
        if (byte === quote) return this.#stringBegins(at, true, true)
        if (byte !== 0x7d || this.#state === State.key) throw broken()
        this.#state = State.end
        return at + 1
      case State.colon:
        if (byte !== 0x3a) throw broken()
        this.#state = State.value
        return at + 1
      case State.afterValue:
        if (byte === 0x2c) this.#state = State.key
        else if (byte === 0x7d) this.#state = State.end
        else throw broken()
        return at + 1
      default:
        throw broken()
    }
  }

  #valueBegins(byte: number, at: number): number {
    if (byte === quote) return this.#stringBegins(at, false, this.#key === Key.model)
    if (byte === 0x7b || byte === 0x5b) {
      if (this.#key === Key.model) throw notAString()
      if (this.#key === Key.stream) this.stream = false
      this.#depth++
      this.#state = State.nested
      return at + 1
    }
    if (byte === 0x2c || byte === 0x7d || byte === 0x3a || byte === 0x5d) throw broken()
    this.#scalar = ''
    this.#state = State.scalar
    return at
  }

  #scalarEnds(): void {
    this.#state = State.afterValue
    if (this.#key === Key.stream) this.stream = this.#scalar === 'true'
    // `null` is how some clients say "no model"; vLLM takes it so too.
    if (this.#key !== Key.model) return
    if (this.#scalar !== 'null') throw notAString()
    this.#names('')
  }

  #stringBegins(at: number, isKey: boolean, keeps: boolean): number {
    this.#isKey = isKey
    this.#keeps = keeps
    this.#kept = undefined
    this.#escaping = false
    this.#stringStart = this.#before + at
    this.#state = State.string
    return at + 1
  }

  #inString(chunk: Buffer, from: number): number {
    const close = this.#closingQuote(chunk, from)
    const until = close === -1 ? chunk.length : close
    if (this.#keeps) this.#keep(chunk.subarray(from, until), close !== -1)
    if (close === -1) return until
    const isTop = this.#depth === 1
    this.#state = !isTop ? State.nested : this.#isKey ? State.colon : State.afterValue
    if (!isTop) return close + 1
    if (this.#isKey) this.#key = keyOf(this.#keeps ? this.#kept : undefined)
    else if (this.#key === Key.model) this.#modelEnds(this.#before + close + 1)
    else if (this.#key === Key.stream) this.stream = false
    return close + 1
  }

  /** Index of the quote that ends the string, or -1; a quote after an odd run of backslashes is text. */
  #closingQuote(chunk: Buffer, from: number): number {
    let start = from
    for (;;) {
      const found = nextQuote(chunk, start)
      const until = found === -1 ? chunk.length : found
      let run = until
      while (run > start && chunk[run - 1] === backslash) run--
      let odd = ((until - run) & 1) === 1
      // The run reaches back over the border to the chunk before.
      if (run === start && start === from && this.#escaping) odd = !odd
      if (found === -1) {
        this.#escaping = odd
        return -1
      }
      if (!odd) return found
      this.#escaping = false
      start = found + 1
    }
  }

  #keep(part: Buffer, last: boolean): void {
    const longest = this.#isKey ? longestKey : longestValue
    if ((this.#kept?.length ?? 0) + part.length > longest) {
      if (!this.#isKey)
        throw new ChillError('bad_request', `\`model\` is longer than ${longestValue} bytes`, {
          param: 'model',
        })
      this.#keeps = false
      this.#kept = undefined
      return
    }
    if (this.#kept) this.#kept = Buffer.concat([this.#kept, part])
    // What stays beyond this chunk is copied: a few bytes must not keep 64 kB alive.
    else this.#kept = last ? part : Buffer.from(part)
  }

  #modelEnds(end: number): void {
    this.spans.push({ start: this.#stringStart, end })
    this.#names(unescape(this.#kept as Buffer))
  }

  /** JSON parsers take the last of two equal keys; whoever reads the first would be fooled. */
  #names(name: string): void {
    const model = name === '' ? undefined : name
    if (this.#named && model !== this.model) {
      throw new ChillError('bad_request', 'the body names two different models', { param: 'model' })
    }
    this.#named = true
    this.model = model
  }

  /** Inside an object or list that is not the outermost: only brackets and strings matter. */
  #inNested(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (byte === quote) return this.#stringBegins(at, false, false)
      if (byte === 0x7b || byte === 0x5b) this.#depth++
      else if ((byte === 0x7d || byte === 0x5d) && --this.#depth === 1) {
        this.#state = State.afterValue
        return at + 1
      }
    }
    return chunk.length
  }
}

/** Short strings are the rule, and for them a loop beats the call into native code. */
function nextQuote(chunk: Buffer, from: number): number {
  const near = Math.min(chunk.length, from + 24)
  for (let at = from; at < near; at++) if (chunk[at] === quote) return at
  return near === chunk.length ? -1 : chunk.indexOf(quote, near)
}

function keyOf(raw: Buffer | undefined): number {
  if (!raw || raw.length < 5) return Key.other
  const plain = raw.toString('latin1')
  const key = plain.includes('\\') ? unescape(raw) : plain
  return key === 'model' ? Key.model : key === 'stream' ? Key.stream : Key.other
}

function unescape(raw: Buffer): string {
  if (!raw.includes(backslash)) return raw.toString()
  try {
    return JSON.parse(`"${raw.toString()}"`) as string
  } catch {
    throw broken()
  }
}

function notAString(): ChillError {
  return new ChillError('bad_request', '`model` must be a string', { param: 'model' })
}

function broken(): ChillError {
  return new ChillError('invalid_json', 'the body is not a JSON object')
}
