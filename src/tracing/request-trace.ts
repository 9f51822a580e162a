import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
} from '@opentelemetry/semantic-conventions'
import type { Lease } from '../admission/index.ts'
import type { ForwardFailure, RequestRecord, RequestTrace, TracedRequest } from '../proxy/index.ts'
import {
  backendAttribute,
  endAttributes,
  modelAttribute,
  serverAttributes,
  serverName,
  upstreamAttributes,
  upstreamName,
  usageAttributes,
} from './attributes.ts'
import { unixMs } from './clock.ts'
import type { Phase, Stages } from './stages.ts'

const propagator = new W3CTraceContextPropagator()
const fromHeaders = {
  get: (headers: TracedRequest['headers'], name: string) => headers[name],
  keys: (headers: TracedRequest['headers']) => Object.keys(headers),
}
const intoList = {
  set: (list: string[], name: string, value: string) => void list.push(name, value),
}

interface Wait {
  readonly span: Span
  readonly from: number
  readonly model: string
}

/** The spans of one request: its own, its waits with what they waited for, and what vLLM did. */
export class TracedExchange implements RequestTrace {
  readonly traceId: string
  readonly #tracer: Tracer
  readonly #stages: Stages
  readonly #request: TracedRequest
  readonly #startedAt = unixMs()
  readonly #server: Span
  readonly #isKept: boolean
  readonly #within: Context
  #wait: Wait | undefined
  #upstream: Span | undefined
  #sent = 0
  #overAt: number | undefined

  constructor(tracer: Tracer, stages: Stages, request: TracedRequest) {
    this.#tracer = tracer
    this.#stages = stages
    this.#request = request
    const from = propagator.extract(ROOT_CONTEXT, request.headers, fromHeaders)
    const options = { kind: SpanKind.SERVER, startTime: this.#startedAt }
    this.#server = tracer.startSpan(serverName(request), options, from)
    // What nobody keeps need not be found out.
    this.#isKept = this.#server.isRecording()
    if (this.#isKept) this.#server.setAttributes(serverAttributes(request))
    this.#within = trace.setSpan(from, this.#server)
    this.traceId = this.#server.spanContext().traceId
  }

  waits(model: string): void {
    if (!this.#isKept) return
    const from = unixMs()
    const attributes = { [modelAttribute]: model }
    const span = this.#tracer.startSpan(
      'admission wait',
      { startTime: from, attributes },
      this.#within,
    )
    this.#wait = { span, from, model }
  }

  forwarded(lease: Lease): readonly string[] {
    const headers: string[] = []
    const upstream = this.#isKept ? this.#startUpstream(lease) : this.#server
    propagator.inject(trace.setSpan(this.#within, upstream), headers, intoList)
    return headers
  }

  #startUpstream({ backend, endpoint, request: { model } }: Lease): Span {
    const now = unixMs()
    this.#endWait(now, backend, undefined)
    const upstream = this.#tracer.startSpan(
      upstreamName(this.#request, model),
      {
        kind: SpanKind.CLIENT,
        startTime: now,
        attributes: {
          ...upstreamAttributes(this.#request, model, endpoint.url),
          [backendAttribute]: backend,
          ...(this.#sent > 0 ? { [ATTR_HTTP_REQUEST_RESEND_COUNT]: this.#sent } : {}),
        },
      },
      this.#within,
    )
    this.#sent++
    this.#upstream = upstream
    return upstream
  }

  answered(status: number): void {
    const upstream = this.#upstream
    if (!upstream) return
    upstream.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status)
    if (status >= 400) fail(upstream, String(status))
  }

  failed({ during, timedOut, error }: ForwardFailure): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (!upstream) return
    const { code } = error as { code?: string }
    fail(upstream, timedOut ? 'timeout' : (code ?? error.name), `while ${during}`)
    upstream.end(unixMs())
  }

  over(): void {
    this.#overAt ??= unixMs()
  }

  ended(record: RequestRecord): void {
    if (!this.#isKept) return this.#server.end()
    const { status, code, firstByteMs } = record
    const now = unixMs()
    const overAt = this.#overAt ?? now
    this.#endWait(overAt, undefined, code)
    const upstream = this.#upstream
    if (upstream) {
      if (firstByteMs !== undefined)
        upstream.addEvent('first byte of the answer', this.#startedAt + firstByteMs)
      upstream.setAttributes(usageAttributes(record.usage))
      if (code !== undefined) fail(upstream, code)
      upstream.end(overAt)
    }
    this.#server.setAttributes(endAttributes(record))
    // A client's mistake is no failure of the server.
    if (status >= 500) fail(this.#server, code ?? String(status))
    this.#server.end(now)
  }

  #endWait(at: number, backend: string | undefined, code: string | undefined): void {
    const wait = this.#wait
    this.#wait = undefined
    if (!wait) return
    const { span, from, model } = wait
    if (backend !== undefined) span.setAttribute(backendAttribute, backend)
    if (code !== undefined) fail(span, code)
    if (span.isRecording())
      this.#tellStages(wait, at, this.#stages.between(from, at, model, backend))
    span.end(at)
  }

  /** What lasts longer than the wait is told as far as it was waited for. */
  #tellStages({ span, from }: Wait, until: number, stages: ReturnType<Stages['between']>): void {
    const tell = (
      name: string,
      time: Pick<Phase, 'from' | 'to'>,
      attributes: Record<string, string>,
      within: Span,
    ) => {
      const startTime = Math.max(from, time.from)
      const context = trace.setSpan(this.#within, within)
      const part = this.#tracer.startSpan(name, { startTime, attributes }, context)
      return { part, end: () => part.end(Math.min(until, time.to ?? until)) }
    }
    for (const stage of stages) {
      const attributes = {
        [backendAttribute]: stage.backend,
        ...(stage.model === undefined ? {} : { [modelAttribute]: stage.model }),
        'vllm_chill.because': stage.because,
      }
      const { part, end } = tell(stage.name, stage, attributes, span)
      for (const phase of stage.phases) {
        if (phase.from < until && (phase.to ?? until) > from)
          tell(phase.name, phase, {}, part).end()
      }
      if (stage.failure !== undefined) fail(part, stage.failure)
      end()
    }
  }
}

function fail(span: Span, type: string, message?: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, type)
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(message === undefined ? {} : { message }),
  })
}
