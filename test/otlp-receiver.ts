import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number
  /** Unix time, ms. */
  readonly from: number
  readonly to: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly events: readonly string[]
  /** 2 for an error. */
  readonly status: number
}

interface Told {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly { readonly spans: readonly Wire[] }[]
  }[]
}

interface Pair {
  readonly key: string
  readonly value: Readonly<Record<string, string | number | boolean>>
}

interface Wire {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: readonly Pair[]
  readonly events?: readonly { readonly name: string }[]
  readonly status?: { readonly code?: number }
}

/** A collector of OTLP over HTTP that keeps what it is sent. */
export class Receiver extends EventEmitter {
  readonly spans: ReceivedSpan[] = []
  readonly resources: Readonly<Record<string, unknown>>[] = []
  readonly requests: { path: string; headers: IncomingHttpHeaders; text: string }[] = []
  url = ''
  readonly #server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      this.requests.push({ path: req.url ?? '', headers: req.headers, text })
      for (const { resource, scopeSpans } of (JSON.parse(text) as Told).resourceSpans) {
        this.resources.push(valuesOf(resource.attributes))
        for (const { spans } of scopeSpans) this.spans.push(...spans.map(readable))
      }
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      this.emit('spans')
    })
  })

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** The spans of that trace, once its request is over. */
  async trace(traceId: string): Promise<ReceivedSpan[]> {
    const signal = AbortSignal.timeout(20_000)
    const ofTrace = () => this.spans.filter((span) => span.traceId === traceId)
    while (!ofTrace().some(({ kind }) => kind === 2)) await once(this, 'spans', { signal })
    return ofTrace()
  }
}

function readable(span: Wire): ReceivedSpan {
  const { traceId, spanId, parentSpanId, name, kind, attributes = [], events = [] } = span
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined || parentSpanId === '' ? {} : { parentSpanId }),
    name,
    kind,
    from: Number(span.startTimeUnixNano) / 1e6,
    to: Number(span.endTimeUnixNano) / 1e6,
    attributes: valuesOf(attributes),
    events: events.map((event) => event.name),
    status: span.status?.code ?? 0,
  }
}

function valuesOf(pairs: readonly Pair[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => {
      const [[kind, told]] = Object.entries(value) as [[string, string | number | boolean]]
      return [key, kind === 'intValue' ? Number(told) : told]
    }),
  )
}

/** Names of spans below each other, in order of time: `POST /x > [admission wait > [scale up], chat a]`. */
export function treeOf(spans: readonly ReceivedSpan[], root: ReceivedSpan): string {
  const below = spans
    .filter(({ parentSpanId }) => parentSpanId === root.spanId)
    .toSorted((a, b) => a.from - b.from)
  return below.length === 0
    ? root.name
    : `${root.name} > [${below.map((span) => treeOf(spans, span)).join(', ')}]`
}
