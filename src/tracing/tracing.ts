import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import type { BackendFact } from '../../machines/index.ts'
import type { PhaseReached, Transition } from '../admission/index.ts'
import type { Tracer } from '../proxy/index.ts'
import { unixMs } from './clock.ts'
import { TracedExchange } from './request-trace.ts'
import { followStages } from './stages.ts'

/** A collector that is away must not hold up the end of the program. */
const lastSendMs = 3_000
/** The same complaint is logged once in this time. */
const complaintEveryMs = 60_000

export interface TracingLog {
  warn(fields: object, message: string): void
}

export interface Tracing {
  readonly tracer: Tracer
  onTransition(transition: Transition): void
  onPhase(reached: PhaseReached): void
  onFact(fact: BackendFact): void
  /** Sends what is still kept. */
  close(): Promise<void>
}

/**
 * OpenTelemetry as the standard's variables (`OTEL_…`) configure it; the packages read those themselves.
 * Nothing of it is global: no other part of the program is traced.
 */
export function startTracing({ version, log }: { version: string; log: TracingLog }): Tracing {
  diag.setLogger(complainingTo(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          [ATTR_SERVICE_NAME]: 'vllm-chill',
          [ATTR_SERVICE_VERSION]: version,
        }),
      )
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  const tracer = provider.getTracer('vllm-chill', version)
  const stages = followStages(unixMs)
  return {
    tracer: { request: (request) => new TracedExchange(tracer, stages, request) },
    onTransition: (transition) => stages.onTransition(transition),
    onPhase: (reached) => stages.onPhase(reached),
    onFact: (fact) => stages.onFact(fact),
    async close() {
      const tooLate = Promise.withResolvers<void>()
      const timer = setTimeout(tooLate.resolve, lastSendMs)
      // What cannot be sent is told of by the exporter.
      await Promise.race([provider.shutdown().catch(() => {}), tooLate.promise])
      clearTimeout(timer)
      diag.disable()
    },
  }
}

function complainingTo(log: TracingLog): DiagLogger {
  const said = new Map<string, number>()
  const complain = (message: string) => {
    const now = performance.now()
    if (now - (said.get(message) ?? -Infinity) < complaintEveryMs) return
    if (said.size > 100) said.clear()
    said.set(message, now)
    log.warn({ why: message }, `OpenTelemetry: ${message}`)
  }
  const ignore = () => {}
  return { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore }
}
