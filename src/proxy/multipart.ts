import { ChillError } from '../errors/index.ts'
import type { BodyScanner, Span } from './body-scanner.ts'

/** Longest head of a part, bytes. */
const longestHead = 16_384
/** Longest value of the fields that are read, bytes. */
const longestField = 4096

const State = { content: 0, delimiter: 1, head: 2, end: 3 } as const
const headEnd = Buffer.from('\r\n\r\n')

/**
 * Finds the fields `model` and `stream` of a multipart form in its bytes. Parts that are files are
 * skipped by searching for the boundary, whatever their size and wherever they stand.
 */
export class MultipartScanner implements BodyScanner {
  model: string | undefined
  stream = false
  readonly spans: Span[] = []

  readonly #delimiter: Buffer
  #state: number = State.content
  /** Bytes that may be the beginning of something, with their offset in the body. */
  #rest: Buffer = Buffer.from('\r\n')
  #offset = -2
  #at = 0
  /** Field whose content is being read, and where it began. */
  #field: 'model' | 'stream' | undefined
  #fieldStart = 0
  #named = false

  /** `contentType` as the client sent it; throws `invalid_json` when it is not a form. */
  constructor(contentType: string | undefined) {
    const boundary = boundaryOf(contentType)
    if (!boundary) throw broken('this endpoint takes multipart/form-data with a boundary')
    // A delimiter begins with the line break before it; the first one gets an imaginary break.
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  }

  push(chunk: Buffer): void {
    if (this.#state === State.end) return
    const data = Buffer.concat([this.#rest, chunk])
    this.#at = 0
    while (this.#state !== State.end && this.#step(data));
    // Copied, so that a few bytes do not keep the whole chunk alive.
    this.#rest = Buffer.from(data.subarray(this.#at))
    this.#offset += this.#at
  }

  end(): void {
    if (this.#state !== State.end) throw broken('the form ends before its closing boundary')
  }

  literal(name: string): Buffer {
    return Buffer.from(name)
  }

  /** Reads the thing that begins at `#at`; false when it needs more bytes. */
  #step(data: Buffer): boolean {
    if (this.#state === State.content) return this.#content(data)
    if (this.#state === State.delimiter) return this.#afterDelimiter(data)
    return this.#head(data)
  }

  #content(data: Buffer): boolean {
    const found = data.indexOf(this.#delimiter, this.#at)
    if (found !== -1) {
      if (this.#field) this.#fieldEnds(data, found)
      this.#at = found + this.#delimiter.length
      this.#state = State.delimiter
      return true
    }
    // Of a file nothing is kept but what may be the beginning of a delimiter.
    if (!this.#field) this.#at = Math.max(this.#at, data.length - this.#delimiter.length + 1)
    else if (data.length - this.#at > longestField) {
      throw new ChillError(
        'bad_request',
        `\`${this.#field}\` is longer than ${longestField} bytes`,
        { param: this.#field },
      )
    }
    return false
  }

  /** After a boundary, `--` ends the form and a line break begins a part. */
  #afterDelimiter(data: Buffer): boolean {
    if (data.length - this.#at < 2) return false
    const two = data.toString('latin1', this.#at, this.#at + 2)
    if (two === '--') this.#state = State.end
    else if (two === '\r\n') this.#state = State.head
    else throw broken('a boundary of the form is followed by something that is not a part')
    // The line break stays, so that a head without lines ends like any other.
    return true
  }

  #head(data: Buffer): boolean {
    const found = data.indexOf(headEnd, this.#at)
    const end = found === -1 ? data.length : found
    if (end - this.#at > longestHead)
      throw broken('a part of the form has a head that does not end')
    if (found === -1) return false
    this.#field = fieldOf(data.toString('latin1', this.#at, found))
    this.#at = found + headEnd.length
    this.#fieldStart = this.#offset + this.#at
    this.#state = State.content
    return true
  }

  #fieldEnds(data: Buffer, end: number): void {
    const start = this.#fieldStart - this.#offset
    const value = data.toString('utf8', start, end)
    if (this.#field === 'stream')
      this.stream = value === 'true' || value === 'True' || value === '1'
    else this.#names(value, end)
    this.#field = undefined
  }

  #names(value: string, end: number): void {
    const model = value === '' ? undefined : value
    if (this.#named && model !== this.model)
      throw new ChillError('bad_request', 'the form names two different models', { param: 'model' })
    this.#named = true
    this.model = model
    if (model !== undefined) this.spans.push({ start: this.#fieldStart, end: this.#offset + end })
  }
}

/** Name of the field that a part's head declares, if it is one of those that are read. */
function fieldOf(head: string): 'model' | 'stream' | undefined {
  const disposition = /\r\ncontent-disposition:[ \t]*form-data([^\r\n]*)/i.exec(head)?.[1]
  if (disposition === undefined || /;[ \t]*filename\*?=/i.test(disposition)) return undefined
  const name = /;[ \t]*name=(?:"([^"]*)"|([^\s;"]+))/i.exec(disposition)
  const field = name?.[1] ?? name?.[2]
  return field === 'model' || field === 'stream' ? field : undefined
}

function boundaryOf(contentType: string | undefined): string | undefined {
  if (!contentType || !/^[ \t]*multipart\/form-data[ \t]*;/i.test(contentType)) return undefined
  const found = /;[ \t]*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

function broken(message: string): ChillError {
  return new ChillError('invalid_json', message)
}
