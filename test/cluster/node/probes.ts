import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { V1Container, V1Probe } from '@kubernetes/client-node'

export interface ProbeReports {
  started(): void
  ready(isReady: boolean, problem: string): void
  /** The startup or liveness probe has failed for good: the container must be restarted. */
  unhealthy(message: string): void
}

export interface ProbeSetting {
  readonly address: string
  readonly haste: number
  /** Answers of a container that never becomes ready. */
  readonly alwaysFail: boolean
}

/** Runs a container's probes until the signal; what has no probe is at once started, and ready. */
export async function runProbes(
  container: V1Container,
  setting: ProbeSetting,
  reports: ProbeReports,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = container
  const ask = (probe: V1Probe) => outcome(probe, container, setting)
  const forever = setting.alwaysFail
  if (startupProbe) {
    const verdict = await untilDecided(startupProbe, setting, ask, signal, forever)
    if (verdict === undefined) return
    if (verdict !== '') return reports.unhealthy(`Startup probe failed: ${verdict}`)
  }
  if (signal.aborted) return
  reports.started()
  if (!readinessProbe) reports.ready(true, '')
  const watchReadiness = async (probe: V1Probe) => {
    await delayed(probe, setting, signal)
    let successes = 0
    let failures = 0
    while (!signal.aborted) {
      const problem = await ask(probe)
      successes = problem === '' ? successes + 1 : 0
      failures = problem === '' ? 0 : failures + 1
      if (signal.aborted) return
      if (successes >= (probe.successThreshold ?? 1)) reports.ready(true, '')
      if (failures >= (probe.failureThreshold ?? 3)) reports.ready(false, problem)
      await period(probe, setting, signal)
    }
  }
  const watchLiveness = async (probe: V1Probe) => {
    await delayed(probe, setting, signal)
    let failures = 0
    while (!signal.aborted) {
      const problem = forever ? '' : await ask(probe)
      failures = problem === '' ? 0 : failures + 1
      if (signal.aborted) return
      if (failures >= (probe.failureThreshold ?? 3)) {
        return reports.unhealthy(`Liveness probe failed: ${problem}`)
      }
      await period(probe, setting, signal)
    }
  }
  await Promise.all([
    readinessProbe ? watchReadiness(readinessProbe) : undefined,
    livenessProbe ? watchLiveness(livenessProbe) : undefined,
  ])
}

/** Empty when it succeeded, the last problem when it failed, undefined when the signal came first. */
async function untilDecided(
  probe: V1Probe,
  setting: ProbeSetting,
  ask: (probe: V1Probe) => Promise<string>,
  signal: AbortSignal,
  forever: boolean,
): Promise<string | undefined> {
  await delayed(probe, setting, signal)
  let failures = 0
  while (!signal.aborted) {
    const problem = await ask(probe)
    if (signal.aborted) return undefined
    if (problem === '') return ''
    failures += 1
    if (!forever && failures >= (probe.failureThreshold ?? 3)) return problem
    await period(probe, setting, signal)
  }
  return undefined
}

/** Empty when the probe succeeds, else what a kubelet says. The timeout is never hastened. */
async function outcome(
  probe: V1Probe,
  container: V1Container,
  { address, alwaysFail }: ProbeSetting,
): Promise<string> {
  if (alwaysFail) return 'HTTP probe failed with statuscode: 503'
  const timeout = (probe.timeoutSeconds ?? 1) * 1000
  const { httpGet, tcpSocket } = probe
  const portOf = (port: number | string) =>
    container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port)
  return await new Promise((resolve) => {
    if (httpGet) {
      const asked = request({
        host: httpGet.host ?? address,
        port: portOf(httpGet.port),
        path: httpGet.path ?? '/',
        headers: Object.fromEntries((httpGet.httpHeaders ?? []).map((h) => [h.name, h.value])),
        agent: false,
        timeout,
      })
      asked.on('response', (response) => {
        response.resume()
        const code = response.statusCode ?? 0
        resolve(code >= 200 && code < 400 ? '' : `HTTP probe failed with statuscode: ${code}`)
      })
      asked.on('timeout', () => asked.destroy(new Error('context deadline exceeded')))
      asked.on('error', (error) => resolve(error.message))
      asked.end()
    } else if (tcpSocket) {
      const socket = connect({
        host: address,
        port: portOf(tcpSocket.port),
        timeout,
      })
      socket.on('connect', () => resolve(''))
      socket.on('timeout', () => resolve('i/o timeout'))
      socket.on('error', (error) => resolve(error.message))
      socket.on('connect', () => socket.destroy())
      socket.on('timeout', () => socket.destroy())
    } else resolve('only httpGet and tcpSocket probes are simulated')
  })
}

const delayed = (probe: V1Probe, setting: ProbeSetting, signal: AbortSignal) =>
  pause(((probe.initialDelaySeconds ?? 0) * 1000) / setting.haste, signal)

const period = (probe: V1Probe, setting: ProbeSetting, signal: AbortSignal) =>
  pause(Math.max(50, ((probe.periodSeconds ?? 10) * 1000) / setting.haste), signal)

/** Ends early, without an error, at the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
