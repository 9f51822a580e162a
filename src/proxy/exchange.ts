import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AdmissionRequest, Lease } from '../admission/index.ts'
import { ChillError, type ErrorCode } from '../errors/index.ts'
import { asChillError, requestIdOf } from '../telemetry/index.ts'
import { AnswerCopyist } from './answer-copy.ts'
import { AnswerTail } from './answer-tail.ts'
import { Answer } from './answer.ts'
import type { ProxyContext } from './context.ts'
import type { AnswerSink, ForwardFailure, Forwarding } from './forwarder.ts'
import { cutError, failureError } from './failure-error.ts'
import { outgoingHeaders } from './outgoing-headers.ts'
import { requestPriority } from './priority.ts'
import { discardRest, RequestBody } from './request-body.ts'
import type { Match } from './routes.ts'
import { IdWatch } from './stored-responses.ts'
import type { RequestTrace } from './trace.ts'
import type { RequestRecord } from './types.ts'
import { startComments } from './wait-comments.ts'
import { chooseModel } from './choose-model.ts'

/**
 * One request on its way: inspect → admit → forward → give back. Everything that can happen to it
 * arrives here, from the client, the gate or the backend, and ends it exactly once.
 */
export class Exchange implements AnswerSink {
  readonly #context: ProxyContext
  readonly #match: Match
  readonly #path: string
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #id: string
  readonly #answer: Answer
  readonly #startedAt = performance.now()
  #forwardedMs: number | undefined
  #firstByteMs: number | undefined
  /** Made here and not where it is given to the lease: there it kept whole requests in memory after their end. */
  readonly #onCut = (reason: string, code?: ErrorCode): void => this.#cut(reason, code)
  #body: RequestBody | undefined
  #request: AdmissionRequest | undefined
  #lease: Lease | undefined
  #backend: string | undefined
  #forwarding: Forwarding | undefined
  #waiting: AbortController | undefined
  #stopComments: (() => void) | undefined
  #idWatch: IdWatch | undefined
  #tail: AnswerTail | undefined
  #copyist: AnswerCopyist | undefined
  readonly #trace: RequestTrace | undefined
  #listensToDrain = false
  #stalling: NodeJS.Timeout | undefined
  #stalled = false
  #retried = false
  /** The answer is complete, or never will be: whatever still arrives changes nothing. */
  #over = false

  /** `path` goes to the backend as it is. */
  constructor(
    context: ProxyContext,
    match: Match,
    path: string,
    req: IncomingMessage,
    res: ServerResponse,
  ) {
    this.#context = context
    this.#match = match
    this.#path = path
    this.#req = req
    this.#res = res
    this.#id = requestIdOf(req.headers['x-request-id'])
    this.#answer = new Answer(
      res,
      this.#id,
      context.cors.headers(req.headers.origin),
      match.route.api,
    )
    this.#trace = context.tracer?.request({
      method: req.method as string,
      route: match.route.pattern,
      path: path.split('?', 1)[0] as string,
      headers: req.headers,
    })
  }

  start(): void {
    this.#res.on('close', () => this.#closed())
    this.#guarded(() => {
      this.#context.checkKey(this.#req.headers)
      this.#body = new RequestBody(
        this.#req,
        this.#match.route.body,
        this.#context.settings.bodyLimit,
        {
          modelKnown: () => this.#admitEarly(),
          whole: () => this.#admit(),
          refused: (error) => this.#refuse(error),
        },
      )
    })
  }

  // ── admit ──

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#refuse(error)
    }
  }

  #describe(): AdmissionRequest {
    const { admission, catalogue, settings, responses } = this.#context
    const { responseId, route } = this.#match
    const body = this.#body as RequestBody
    let model: string
    if (responseId !== undefined) {
      model = responses.modelOf(responseId)
    } else {
      const inQuery = modelInQuery(this.#path)
      const chosen = chooseModel(catalogue, body.model ?? inQuery, settings.defaultModel)
      if (inQuery !== undefined && catalogue.find(inQuery) !== chosen) throw namedTwice()
      model = chosen.name
      body.serveAs(model)
    }
    return {
      id: this.#id,
      model,
      path: route.pattern,
      bytes: body.size,
      arrivedAt: admission.now(),
      priority: requestPriority(this.#req.headers, settings.priorityHeader),
    }
  }

  /** A big body whose model is known goes on while it still arrives, if the backend is ready for it. */
  #admitEarly(): void {
    this.#request = this.#describe()
    const lease = this.#context.admission.tryAcquire(this.#request)
    if (lease) this.#forward(lease)
  }

  #admit(): void {
    // Not what was known early: now all bytes are counted, and the time of the upload is not waiting.
    this.#request = this.#describe()
    const lease = this.#context.admission.tryAcquire(this.#request)
    if (lease) {
      this.#forward(lease)
      return
    }
    // Only what will be understood may wake a backend.
    this.#body?.checkWhole()
    this.#wait(this.#request)
  }

  #wait(request: AdmissionRequest): void {
    const { admission, settings } = this.#context
    if (this.#match.responseId !== undefined) this.#mustBeLoaded(request)
    this.#waiting = new AbortController()
    this.#trace?.waits(request.model)
    if (settings.progressComments && this.#match.route.streams && this.#body?.stream) {
      this.#stopComments = startComments(this.#answer, admission, request.model, settings)
    }
    admission.acquire(request, this.#waiting.signal).then(
      (lease) => {
        if (this.#over) lease.release()
        else this.#guarded(() => this.#forward(lease))
      },
      (error: unknown) => this.#refuse(error),
    )
  }

  #endWait(): void {
    this.#stopComments?.()
    this.#stopComments = undefined
    this.#waiting = undefined
  }

  /** A stored response is in the memory of a backend that runs; no other one is woken for it. */
  #mustBeLoaded({ model }: AdmissionRequest): void {
    const { admission, responses } = this.#context
    if (!admission.isLoaded(model)) responses.lost(this.#match.responseId as string)
  }

  // ── forward ──

  #forward(lease: Lease): void {
    this.#endWait()
    this.#lease = lease
    this.#backend = lease.backend
    this.#forwardedMs = performance.now() - this.#startedAt
    lease.onCut = this.#onCut
    const { forwarder, credentials, settings, responses } = this.#context
    const { responseId, route } = this.#match
    if (responseId !== undefined) responses.checkHome(responseId, lease)
    if (route.pattern === '/v1/responses') this.#idWatch = new IdWatch(responses, lease)
    this.#answer.waitedMs = Math.max(this.#answer.waitedMs, lease.waitedMs)
    const body = this.#body as RequestBody
    const outgoing = body.outgoing()
    this.#forwarding = forwarder.forward(
      {
        url: lease.endpoint.url,
        method: this.#req.method as string,
        path: this.#path,
        headers: outgoingHeaders(this.#req, this.#id, credentials, {
          contentLength: outgoing.contentLength,
          isJson: route.body === 'json',
          mustBePlain: this.#answer.committed,
          traceContext: this.#trace?.forwarded(lease),
        }),
        body: outgoing.body,
        headersTimeoutMs: settings.backendTimeoutMs,
      },
      this,
    )
  }

  head(status: number, statusText: string, headers: readonly string[]): void {
    // An answer has begun, so the request is never sent again and its bytes are not needed any more.
    this.#body?.release()
    this.#trace?.answered(status)
    this.#tail = new AnswerTail()
    this.#copyist = this.#context.onAnswer && new AnswerCopyist()
    this.#answer.head(status, statusText, headers)
  }

  data(chunk: Buffer): boolean {
    this.#firstByteMs ??= performance.now() - this.#startedAt
    this.#idWatch?.data(chunk)
    this.#tail?.data(chunk)
    this.#copyist?.data(chunk)
    if (this.#answer.data(chunk)) return true
    if (!this.#listensToDrain) {
      this.#listensToDrain = true
      this.#res.on('drain', () => {
        clearTimeout(this.#stalling)
        this.#forwarding?.resume()
      })
    }
    this.#watchStalling()
    return false
  }

  /** Who reads nothing more, but does not leave, would keep its lease, and so the GPU, for ever. */
  #watchStalling(): void {
    const { stalledClientTimeoutMs } = this.#context.settings
    clearTimeout(this.#stalling)
    if (stalledClientTimeoutMs === 0) return
    const cutOff = () => {
      this.#stalled = true
      this.#res.destroy()
    }
    this.#stalling = setTimeout(cutOff, stalledClientTimeoutMs).unref()
  }

  end(trailers: readonly string[]): void {
    // The client first: what else has to be done may take longer than all that was done so far.
    this.#answer.end(trailers)
    this.#finish()
  }

  failed(failure: ForwardFailure): void {
    // An idle connection that ran out says nothing of the endpoint; these do.
    const fresh =
      failure.during === 'connecting' || (failure.during === 'waiting' && !failure.staleConnection)
    if (fresh && !failure.timedOut) this.#lease?.suspect()
    this.#trace?.failed(failure)
    this.#giveBack()
    if (this.#over) return
    if (this.#canSendAgain(failure)) {
      this.#retried = true
      this.#guarded(() => {
        // A body that has not all arrived is admitted when it has.
        if (this.#body?.complete) this.#wait(this.#request as AdmissionRequest)
      })
      return
    }
    this.#refuse(
      failureError(failure, this.#answer.begun && !this.#answer.committed, this.#backend),
    )
  }

  /** Work must not be done twice: only what never reached the backend is sent again, and only once. */
  #canSendAgain({ during, staleConnection }: ForwardFailure): boolean {
    if (this.#retried) return false
    // Where no connection can be made, the process that keeps a stored response is gone.
    if (during === 'connecting' && this.#match.responseId !== undefined) return false
    const unseen = during === 'connecting' || (during === 'waiting' && staleConnection)
    return unseen && this.#body?.takeBack() === true
  }

  #cut(reason: string, code?: ErrorCode): void {
    this.#refuse(cutError(`the request was cut: ${reason}`, code))
  }

  // ── end ──

  #refuse(error: unknown): void {
    if (this.#over) return
    this.#finish()
    this.#answer.refuse(asChillError(error, this.#id, this.#context.log))
  }

  /** Nothing goes on after this, on either side; the lease is given back exactly once. */
  #finish(): void {
    this.#over = true
    if (this.#waiting && this.#request)
      this.#answer.waitedMs = this.#context.admission.now() - this.#request.arrivedAt
    this.#trace?.over()
    this.#waiting?.abort()
    this.#endWait()
    this.#forwarding?.abort()
    if (this.#body) this.#body.discard()
    else discardRest(this.#req, this.#context.settings.bodyLimit)
    this.#giveBack()
  }

  #giveBack(): void {
    const lease = this.#lease
    this.#lease = undefined
    if (!lease) return
    lease.onCut = undefined
    lease.release()
  }

  #closed(): void {
    const answer = this.#answer
    const left = !this.#res.writableFinished && answer.code === undefined
    clearTimeout(this.#stalling)
    if (!this.#over) this.#finish()
    const record: RequestRecord = {
      id: this.#id,
      method: this.#req.method as string,
      route: this.#match.route.pattern,
      model: this.#request?.model,
      backend: this.#backend,
      status: left ? 499 : answer.status,
      code: left ? (this.#stalled ? 'client_stalled' : 'client_left') : answer.code,
      stream: this.#body?.stream ?? false,
      waitedMs: answer.waitedMs,
      forwardedMs: this.#forwardedMs,
      firstByteMs: this.#firstByteMs,
      durationMs: performance.now() - this.#startedAt,
      bytesIn: this.#body?.received ?? 0,
      bytesOut: answer.bytes,
      usage: this.#tail?.usage(),
      traceId: this.#trace?.traceId,
    }
    this.#trace?.ended(record)
    this.#context.onRequest(record)
    this.#tellAnswer(record)
  }

  #tellAnswer({ id, route, model }: RequestRecord): void {
    if (!this.#copyist || this.#firstByteMs === undefined || model === undefined) return
    const { text, isWhole } = this.#copyist
    this.#context.onAnswer?.({ id, model, route, text, isWhole })
  }
}

function namedTwice(): ChillError {
  return new ChillError('bad_request', 'the body and the query name two different models', {
    param: 'model',
  })
}

function modelInQuery(path: string): string | undefined {
  const at = path.indexOf('?')
  return at === -1 ? undefined : new URLSearchParams(path.slice(at)).get('model') || undefined
}
