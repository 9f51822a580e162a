import { setTimeout as delay } from 'node:timers/promises'
import type { Agent } from 'undici'
import { StartError } from '../../../machines/index.ts'
import type { BackendProcess } from './backend-process.ts'
import { portOwner } from './port-owner.ts'
import { probe } from '../engine/index.ts'
import { exitedWhileLoading } from './start-failure.ts'

/** How the wait for a backend ended. */
export type Readiness =
  | { readonly is: 'ready' }
  | { readonly is: 'failed'; readonly failure: StartError }
  /** Somebody else was quicker at the port: another one may do. */
  | { readonly is: 'port taken'; readonly failure: StartError }

export interface ReadinessOptions {
  readonly agent: Agent
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** After the first probe that found it not ready. */
  readonly onNotYet: () => void
}

/**
 * Waits until this process, and no other on its port, serves the model; or until it is known that it
 * never will. Rejects only when the signal aborts.
 */
export async function untilReady(
  backend: BackendProcess,
  options: ReadinessOptions,
): Promise<Readiness> {
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  try {
    return await Promise.race([
      backend.exited.then(() => readExit(backend)),
      probeUntilReady(backend, { ...options, signal }),
    ])
  } catch (error) {
    // Every wait inside rejects in words of its own when it is aborted.
    options.signal.throwIfAborted()
    throw error
  } finally {
    over.abort()
  }
}

async function probeUntilReady(
  backend: BackendProcess,
  { agent, intervalMs, timeoutMs, signal, onNotYet }: ReadinessOptions,
): Promise<Readiness> {
  const { url, apiKey } = backend
  for (;;) {
    const begun = performance.now()
    const answer = await probe(agent, { url, apiKey, signal, timeoutMs })
    if (answer.is !== 'not ready') {
      const readiness = await judge(backend, answer)
      // An answer proves nothing about a process that has ended meanwhile; its exit tells the rest.
      if (backend.exit === undefined) return readiness
    }
    onNotYet()
    const leftMs = intervalMs - (performance.now() - begun)
    await delay(Math.max(leftMs, 0), undefined, { signal })
  }
}

type Answer = Exclude<Awaited<ReturnType<typeof probe>>, { is: 'not ready' }>

async function judge(backend: BackendProcess, answer: Answer): Promise<Readiness> {
  const { inGroup, strays } = await backend.members()
  const owner = await portOwner(backend.port, [...inGroup, ...strays])
  if (typeof owner === 'object') {
    const message = `port ${backend.port} is answered by process ${owner.pid} (${owner.name}), which does not belong to the backend`
    return { is: 'port taken', failure: new StartError({ reason: 'resources', message }) }
  }
  if (answer.is === 'locked') {
    return failed(
      'unknown',
      `the backend refuses our key (status ${answer.status}): configure its key as the backend key`,
      backend,
    )
  }
  if (answer.names.includes(backend.model)) return { is: 'ready' }
  const served = answer.names.map((name) => `"${name}"`).join(', ')
  return failed('wrong_model', `the backend serves ${served}, not "${backend.model}"`, backend)
}

function failed(
  reason: 'unknown' | 'wrong_model',
  message: string,
  backend: BackendProcess,
): Readiness {
  const log = backend.output.lines
  return { is: 'failed', failure: new StartError({ reason, message, log }) }
}

function readExit({ exit, signs, output }: BackendProcess): Readiness {
  const failure = exitedWhileLoading(exit ?? { code: null, signal: null }, signs, output.lines)
  return { is: signs.portTaken ? 'port taken' : 'failed', failure }
}
