import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { SimulatorOptions } from './arguments.ts'
import { realtime } from './endpoints/realtime.ts'
import { createEngine } from './engine.ts'
import { createFaults } from './faults.ts'
import { startGpu } from './gpu.ts'
import { StartError, load } from './loading.ts'
import { type LogSink, vllmLine } from './log.ts'
import { createMetrics } from './metrics.ts'
import { type Phase, answer, hasKey, needsKey, urlOf } from './server.ts'
import { type Simulation, unixTime } from './simulation.ts'
import { createSleep } from './sleep.ts'

/** A simulated vLLM in this process. */
export interface Simulator {
  /** `http://127.0.0.1:8000`, where this machine reaches it. */
  readonly url: string
  readonly port: number
  /** With `--loading-answer 503` the port answers before this; rejects with a StartError. */
  readonly loaded: Promise<void>
  /** Resolves when a fault, or the loss of its worker, ends the server. */
  readonly died: Promise<Death>
  /** Refuses new requests and resolves when none is left, at the latest after `timeoutMs`. */
  readonly drain: (timeoutMs: number) => Promise<void>
  /** Cuts what is in flight and gives the GPU back after `slowStop`. */
  readonly close: () => Promise<void>
}

export interface Death {
  readonly reason: string
  readonly exitCode: number
}

/** uvicorn's: short enough that a proxy which keeps connections meets one that just closed. */
const keepAliveMs = 5_000

/** For aborted requests to be answered; a client that does not read is not waited for. */
const goodbyeMs = 1_000

/** How often vLLM's front looks after its engine, if no request tells it first. */
const watchdogMs = 5_000

/**
 * Starts a simulator; resolves when its port answers.
 * @throws StartError when it cannot load or listen
 */
export async function startSimulator(
  options: SimulatorOptions,
  log: LogSink = () => {},
): Promise<Simulator> {
  const gpu = startGpu(options.gpuLockFiles, options.workerLinger)
  const { promise: died, resolve: reportDeath } = Promise.withResolvers<Death>()
  const metrics = createMetrics(options.servedNames[0])
  const engine = createEngine(
    {
      maxNumSeqs: options.maxNumSeqs,
      ttftMs: options.ttft,
      itlMs: options.itl,
      jitter: options.jitter,
      hangs: options.hangRequests,
    },
    metrics,
  )
  const simulation: Simulation = {
    options,
    engine,
    metrics,
    faults: createFaults(options),
    sleep: createSleep(
      { sleepTimeMs: options.sleepTime, wakeTimeMs: options.wakeTime },
      engine,
      gpu,
    ),
    responses: new Map(),
    startedAt: unixTime(),
    die(reason) {
      log(failing(reason))
      cut()
      reportDeath({ reason, exitCode: 1 })
    },
  }

  let phase: Phase = 'loading'
  const tunnels = new Set<Duplex>()
  const open = new Set<Promise<unknown>>()
  const server = createServer((req, res) => {
    const closed = new Promise((resolve) => res.once('close', resolve))
    open.add(closed)
    void closed.then(() => open.delete(closed))
    void answer(req, res, phase, simulation)
  })
  server.keepAliveTimeout = keepAliveMs
  server.requestTimeout = 0
  server.on('upgrade', (req, socket, head) => {
    const path = urlOf(req).pathname
    if (path !== '/v1/realtime') refuseUpgrade(socket, '404 Not Found')
    else if (needsKey(path) && !hasKey(req, options.apiKey))
      refuseUpgrade(socket, '401 Unauthorized')
    else {
      tunnels.add(socket)
      socket.once('close', () => tunnels.delete(socket))
      void realtime(req, socket, head, simulation)
    }
  })

  const closing = new AbortController()
  const cut = () => {
    closing.abort()
    server.close()
    server.closeAllConnections()
    for (const tunnel of tunnels) tunnel.destroy()
    engine.abortAll()
  }
  const close = async () => {
    // As vLLM does it: what is in flight is aborted and told so, then the connections are cut.
    server.close()
    engine.abortAll()
    await atMost(goodbyeMs, Promise.all(open))
    cut()
    await delay(options.slowStop)
    await gpu.close()
  }
  /** The front outlives its engine, until it notices; it tells who asks, and ends without an error. */
  const loseEngine = async (reason: string) => {
    log(failing(reason))
    await atMost(watchdogMs, engine.die())
    server.close()
    await atMost(goodbyeMs, Promise.all(open))
    cut()
    reportDeath({ reason, exitCode: 0 })
  }
  void gpu.lost.then(() => {
    const reason = 'EngineCore died unexpectedly'
    return phase === 'loading' ? simulation.die(reason) : loseEngine(reason)
  })

  const lost = died.then(({ reason }) => Promise.reject(new StartError(reason)))
  const loaded = Promise.race([load(options, gpu, log, closing.signal), lost]).then(() => {
    phase = 'serving'
  })
  try {
    if (options.loadingAnswer === 'refuse') await loaded
    else loaded.catch(() => {})
    await listen(server, options)
  } catch (error) {
    await close()
    throw error
  }
  const { port } = server.address() as AddressInfo
  log(
    vllmLine(
      'APIServer',
      'INFO',
      'api_server.py:1971',
      `Starting vLLM server on http://${options.host}:${port}`,
    ),
  )
  void loaded.then(
    () => log('INFO:     Application startup complete.'),
    () => {},
  )
  return {
    url: `http://${reachable(options.host)}:${port}`,
    port,
    loaded,
    died,
    async drain(timeoutMs) {
      phase = 'stopping'
      await atMost(timeoutMs, Promise.all([engine.drained(), ...open]))
    },
    close,
  }
}

const failing = (reason: string): string =>
  vllmLine('APIServer', 'ERROR', 'async_llm.py:525', `AsyncLLM output_handler failed: ${reason}`)

/** Waits for it, but no longer than `ms`. */
async function atMost(ms: number, awaited: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  await Promise.race([awaited, delay(ms, undefined, { signal: over.signal }).catch(() => {})])
  over.abort()
}

async function listen(server: Server, { host, port }: SimulatorOptions): Promise<void> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new StartError(`OSError: cannot listen on ${host}:${port}: ${(error as Error).message}`)
  }
}

const refuseUpgrade = (socket: Duplex, status: string) =>
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
