import { afterEach, beforeEach, vi } from 'vitest'
import type { Sight, StartOrder } from '../../../../machines/index.ts'
import { catalogueModel, type CatalogueModel } from '../../../../src/catalogue/index.ts'
import { FakeCluster } from './cluster/index.ts'
import {
  createKubernetesDriver,
  type BackendPlace,
  type KubernetesDriverOptions,
} from '../../../../src/drivers/kubernetes/index.ts'
import { manifest, place } from './resources/place.ts'

const realTimeout = setTimeout
const open: { close(): Promise<void> }[] = []

/** The program's clock stands still but for `pass` and `finish`; what goes over a socket does not. */
export function standStill(): void {
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
      now: Date.parse('2026-05-01T12:00:00Z'),
    })
  })
  afterEach(async () => {
    for (const driver of open.splice(0)) await finish(driver.close())
    vi.useRealTimers()
  })
}

/** Lets time go by, and nothing else. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** Lets what goes over sockets arrive, while time stands still. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn === 2_000) throw new Error('what was waited for never came')
    await new Promise((resolve) => realTimeout(resolve, 1))
  }
}

/** Lets time go by until something holds, a little at a time. */
export async function eventually(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn === 5_000) throw new Error('what was waited for never came')
    await new Promise((resolve) => realTimeout(resolve, 1))
    await pass(25)
  }
}

/** Lets as much time go by as something takes, a little at a time. */
export async function finish<T>(work: Promise<T>): Promise<T> {
  const ended = work.then(
    () => true,
    () => true,
  )
  for (let turn = 0; turn < 5_000; turn++) {
    const aMoment = new Promise<false>((resolve) => realTimeout(resolve, 1, false))
    if (await Promise.race([ended, aMoment])) return await work
    await pass(25)
  }
  throw new Error('it does not end')
}

/** As `finish`, of what is to fail. */
export async function failure(work: Promise<unknown>): Promise<Error & { failure?: unknown }> {
  return await finish(
    work.then(
      () => {
        throw new Error('it was to fail')
      },
      (error: Error) => error,
    ),
  )
}

export function modelOf(name: string, spec: Record<string, unknown> = {}): CatalogueModel {
  const defaults = { idleTimeoutMs: 300_000, startTimeoutMs: 600_000 }
  const parsed = manifest({ modelName: `org/${name}`, servedModelName: name, ...spec })
  return catalogueModel(parsed, defaults, { source: `ai/${name}`, createdAt: 0 })
}

/** Models that a test may change. */
export function catalogueOf(...models: readonly CatalogueModel[]) {
  const listeners = new Set<() => void>()
  const known = new Map(models.map((model) => [model.name, model]))
  return {
    models: known,
    subscribe: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    set(model: CatalogueModel): void {
      known.set(model.name, model)
      for (const listener of listeners) listener()
    },
    remove(name: string): void {
      known.delete(name)
      for (const listener of listeners) listener()
    },
  }
}

export interface Drive {
  readonly cluster?: FakeCluster
  readonly identity?: string
  readonly catalogue?: ReturnType<typeof catalogueOf>
  readonly places?: Record<string, BackendPlace>
  /** Over what a program usually is told. */
  readonly options?: Partial<KubernetesDriverOptions>
}

/** A driver in a cluster in memory that leads, unless another one has the Lease. */
export async function drive(given: Drive = {}) {
  const { cluster = new FakeCluster(), identity = 'me', options } = given
  const catalogue = given.catalogue ?? catalogueOf(modelOf('a'), modelOf('b'))
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const driver = createKubernetesDriver({
    api: cluster.api,
    places: given.places ?? { vllm: place() },
    catalogue,
    defaultModel: undefined,
    manages: true,
    lease: { name: 'vllm-chill', identity },
    endpointMode: 'pod',
    inCluster: true,
    unschedulableGraceMs: 300_000,
    backendApiKey: undefined,
    cutAfterMs: undefined,
    log,
    ...options,
  })
  open.push(driver)
  await pass(1)
  const abort = new AbortController()
  const { signal } = abort
  const onPhase = vi.fn()
  const order = (name: string, backend = 'vllm'): StartOrder => ({
    backend,
    model: catalogue.models.get(name)?.facts ?? modelOf(name).facts,
    generation: 1,
  })
  const ensure = (name: string) => driver.ensureResources(order(name), signal)
  const start = (name: string) => driver.start(order(name), signal, onPhase)
  const follow = (backend = 'vllm') => {
    const sights: Sight[] = []
    const unfollow = driver.follow?.(backend, (sight) => sights.push(sight))
    return { sights, unfollow: () => unfollow?.(), found: () => sights.at(-1)?.observed.found }
  }
  return {
    driver,
    cluster,
    catalogue,
    log,
    onPhase,
    signal,
    order,
    ensure,
    start,
    stop: () => driver.stop('vllm', signal),
    observe: () => finish(driver.observe('vllm')),
    abort: (why = 'no longer wanted') => abort.abort(new Error(why)),
    /** Messages that were logged as warnings. */
    warnings: () => log.warn.mock.calls.map(([, message]) => message as string),
    /** Its resources made, and Ready. */
    async load(name: string) {
      await finish(ensure(name))
      return await finish(start(name))
    },
    /** What is told of a backend from now on. */
    follow,
  }
}

export type Driven = Awaited<ReturnType<typeof drive>>
