import type { Log } from '../../telemetry/index.ts'
import type { Tracing } from '../../tracing/index.ts'
import { version } from '../version.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Tracing where the standard's variables ask for it: an endpoint, or the exporter by name. Otherwise
 * nothing of it is even loaded.
 */
export async function openTracing(env: Environment, log: Log): Promise<Tracing | undefined> {
  if (!isWanted(env, log)) return undefined
  log.info({}, 'OpenTelemetry is on: requests are traced as the variables OTEL_… say')
  const { startTracing } = await import('../../tracing/index.ts')
  return startTracing({ version, log })
}

function isWanted(env: Environment, log: Log): boolean {
  const given = (name: string) => env[name]?.trim() || undefined
  if (given('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return false
  const exporters = given('OTEL_TRACES_EXPORTER')
  const endpoint =
    given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? given('OTEL_EXPORTER_OTLP_ENDPOINT')
  if (exporters === undefined ? endpoint === undefined : exporters === 'none') return false
  if (exporters !== undefined && exporters !== 'otlp') {
    const hint = 'only `otlp` and `none` are known here; nothing is traced'
    log.warn({ exporters }, `OTEL_TRACES_EXPORTER=${exporters}: ${hint}`)
    return false
  }
  const protocol =
    given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? given('OTEL_EXPORTER_OTLP_PROTOCOL')
  if (protocol === 'grpc') {
    const hint =
      'spans are sent over HTTP only; nothing is traced. Set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to the collector’s HTTP receiver, such as http://collector:4318/v1/traces'
    log.warn({ protocol }, `OTEL_EXPORTER_OTLP_PROTOCOL=grpc: ${hint}`)
    return false
  }
  return true
}
