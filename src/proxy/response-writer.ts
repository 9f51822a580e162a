import type { ServerResponse } from 'node:http'

/**
 * Node copies a string up to this size next to the head and hands both to the system in one call; a
 * buffer behind a head, or between the marks of a chunk, makes a vector, which costs several times that.
 */
const longestText = 16 * 1024 - 1024

/**
 * The body of one response on its way to the client. What comes within one turn of the event loop leaves
 * as one piece, and chunks are framed here, so that marks and bytes are in it together.
 */
export class ResponseWriter {
  readonly #res: ServerResponse
  /** Bytes that leave at the end of this turn, as latin1. */
  #text = ''
  #scheduled = false
  #chunked = false

  constructor(res: ServerResponse) {
    this.#res = res
  }

  /** Whether the client can tell where the body ends by its chunks. */
  get chunked(): boolean {
    return this.#chunked
  }

  writeHead(status: number, statusText: string, headers: string[]): void {
    const res = this.#res
    res.writeHead(status, statusText, headers)
    if (res.chunkedEncoding) {
      this.#chunked = true
      // Node has declared it, and would now put marks around what has its marks already.
      res.chunkedEncoding = false
    }
    this.#schedule()
  }

  /** False when the client reads more slowly than it is written to; `drain` follows. */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0) return true
    if (bytes.length > longestText) {
      this.flush()
      return this.#writeAsItIs(bytes)
    }
    if (this.#text.length + bytes.length > longestText) this.flush()
    const text = bytes.toString('latin1')
    this.#text += this.#chunked ? `${bytes.length.toString(16)}\r\n${text}\r\n` : text
    this.#schedule()
    return !this.#res.writableNeedDrain
  }

  /** The body is whole. Trailers as name, value, name, value…; they need chunks. */
  end(trailers: readonly string[] = []): void {
    if (this.#chunked) {
      this.#text += '0\r\n'
      for (let i = 0; i < trailers.length; i += 2)
        this.#text += `${trailers[i]}: ${trailers[i + 1]}\r\n`
      this.#text += '\r\n'
    }
    this.flush()
    this.#res.end()
  }

  /** Sends what has come so far. */
  flush(): void {
    const text = this.#text
    if (text === '') return
    this.#text = ''
    this.#res.write(text, 'latin1')
    // Node waits for more until the end of the turn; more comes in the same piece or not at all.
    this.#res.socket?.uncork()
  }

  /** @internal At the end of the turn. */
  settle(): void {
    this.#scheduled = false
    if (this.#text !== '') this.flush()
    // Node keeps a head for the first bytes; a backend that thinks for a while must not hide it.
    else if (!this.#res.writableEnded) this.#flushHead()
  }

  /** Not `flushHeaders`, which would write latin1 as UTF-8. */
  #flushHead(): void {
    this.#res.write('', 'latin1')
    this.#res.socket?.uncork()
  }

  #writeAsItIs(bytes: Buffer): boolean {
    const res = this.#res
    if (!this.#chunked) return res.write(bytes)
    res.write(`${bytes.length.toString(16)}\r\n`, 'latin1')
    res.write(bytes)
    return res.write('\r\n', 'latin1')
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(settle, this)
  }
}

function settle(writer: ResponseWriter): void {
  writer.settle()
}
