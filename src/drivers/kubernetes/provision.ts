import type {
  KubernetesObject,
  V1ConfigMap,
  V1Deployment,
  V1Service,
} from '@kubernetes/client-node'
import { StartError } from '../../../machines/index.ts'
import type { CatalogueModel } from '../../catalogue/index.ts'
import { ApiFault, type Api } from './api/index.ts'
import type { Leadership } from './leadership/index.ts'
import type { DriverLog } from './options.ts'
import {
  cannotExpress,
  configMapData,
  desiredObjects,
  drift,
  isOurs,
  labelOf,
  reshaping,
  validatePod,
  type BackendPlace,
} from './resources/index.ts'
import type { World } from './world.ts'

/** Owns `replicas` from a Deployment's first moment on, so that later applies can leave it out. */
const replicasManager = 'vllm-chill-replicas'
/** Who sets a field again so soon after it was put right is in earnest. */
const truceMs = 60_000

export interface ProvisionOptions {
  readonly api: Api
  readonly place: BackendPlace
  readonly leadership: Leadership
  readonly log: DriverLog
}

interface Live {
  readonly deployment: V1Deployment | undefined
  readonly configMap: V1ConfigMap | undefined
  readonly service: V1Service | undefined
}

/** Makes the objects of a backend say what a model needs, and keeps what is ours that way. */
export function createProvision({ api, place, leadership, log }: ProvisionOptions) {
  const putRightAt = new Map<string, number>()
  const { installation } = place
  /** One change at a time: two that make the same things would meet half-way. */
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work)
    last = next.catch(() => undefined)
    return next
  }

  const mayWrite = (live: KubernetesObject | undefined) =>
    live === undefined || isOurs(live, installation)

  async function read(signal: AbortSignal): Promise<Live> {
    const [deployment, configMap, service] = await Promise.all([
      api.get('Deployment', place.deployment, { signal }),
      api.get('ConfigMap', place.configMap, { signal }),
      api.get('Service', place.service, { signal }),
    ])
    return { deployment, configMap, service }
  }

  /** @throws StartError with what is wrong and where */
  function assertPossible(model: CatalogueModel, deployment: V1Deployment | undefined): void {
    const why = whyImpossible(model, deployment)
    if (why !== undefined) throw new StartError({ reason: 'resources', message: why })
  }

  /** Why a model cannot be started here, whatever is tried; undefined: it can. */
  function whyImpossible(
    { manifest }: CatalogueModel,
    deployment: V1Deployment | undefined,
  ): string | undefined {
    if (deployment && !isOurs(deployment, installation)) {
      return cannotExpress(deployment, place, manifest)
    }
    const problems = validatePod(place, manifest)
    if (problems.length === 0) return undefined
    return problems.map(({ path, message }) => `${path}: ${message}`).join('; ')
  }

  async function ensure(
    model: CatalogueModel,
    signal: AbortSignal,
    { atRest = false } = {},
  ): Promise<void> {
    const live = await read(signal)
    if (atRest && live.deployment) return
    assertPossible(model, live.deployment)
    const wanted = desiredObjects(place, model.manifest, model.facts.revision)
    leadership.assertLeads()
    await ensureConfigMap(live.configMap, wanted.configMap, model, signal)
    if (mayWrite(live.service)) await put(wanted.service, live.service, signal)
    if (live.deployment === undefined) await create(wanted.deployment, signal)
    else if (mayWrite(live.deployment)) {
      await releaseReplicas(live.deployment, signal)
      await put(wanted.deployment, live.deployment, signal)
    }
  }

  async function ensureConfigMap(
    live: V1ConfigMap | undefined,
    wanted: V1ConfigMap,
    { manifest }: CatalogueModel,
    signal: AbortSignal,
  ): Promise<void> {
    if (mayWrite(live)) {
      await put(wanted, live, signal)
      return
    }
    const data = configMapData(manifest)
    const isSame = Object.entries(data).every(([key, value]) => live?.data?.[key] === value)
    if (isSame) return
    await explained(() => api.patch('ConfigMap', place.configMap, { data }, { signal }))
  }

  /** With no replica, whatever the API server's default is; a crash in between must not start one. */
  async function create(wanted: V1Deployment, signal: AbortSignal): Promise<void> {
    const asleep = structuredClone(wanted)
    asleep.spec!.replicas = 0
    const created = await explained(() => api.apply(asleep, { signal }))
    log.info(
      { deployment: place.deployment, backend: place.backend },
      'Deployment created, without a replica',
    )
    await releaseReplicas(created, signal)
    await explained(() => api.apply(wanted, { signal }))
  }

  /** An apply that leaves out a field which only it owns would reset it: to one replica. */
  async function releaseReplicas(live: V1Deployment, signal: AbortSignal): Promise<void> {
    const owns = live.metadata?.managedFields?.some(
      ({ manager, operation, fieldsV1 }) =>
        manager === 'vllm-chill' &&
        operation === 'Apply' &&
        (fieldsV1 as { 'f:spec'?: object } | undefined)?.['f:spec'] !== undefined &&
        Object.hasOwn((fieldsV1 as { 'f:spec': object })['f:spec'], 'f:replicas'),
    )
    if (!owns) return
    const { apiVersion, kind, metadata, spec } = live
    const share = {
      apiVersion: apiVersion ?? 'apps/v1',
      kind: kind ?? 'Deployment',
      metadata: { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' },
      spec: { replicas: spec?.replicas ?? 0 },
    }
    await explained(() => api.apply(share, { signal, fieldManager: replicasManager, force: true }))
  }

  async function put(
    wanted: KubernetesObject,
    live: KubernetesObject | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const what = labelOf(wanted)
    try {
      await applyOver(wanted, live, { signal })
    } catch (error) {
      if (!(error instanceof ApiFault) || error.conflicts.length === 0) throw resourceError(error)
      const whose = error.conflicts.map(({ field, manager }) => `${field} by ${manager}`).join(', ')
      const last = putRightAt.get(what)
      if (last !== undefined && performance.now() - last < truceMs) {
        throw new StartError({
          reason: 'resources',
          message: `${what}: ${whose} was set again right after it had been put right; let one of the two own it`,
        })
      }
      putRightAt.set(what, performance.now())
      const changes = live === undefined ? [] : drift(wanted, live)
      log.warn(
        { object: what, conflicts: error.conflicts, changes },
        `${what}: put right: ${whose}`,
      )
      await explained(() => applyOver(wanted, live, { signal, force: true }))
    }
  }

  /** What others have left in what is ours may contradict it, and an apply takes none of it away. */
  async function applyOver(
    wanted: KubernetesObject,
    live: KubernetesObject | undefined,
    call: { signal: AbortSignal; force?: boolean },
  ): Promise<void> {
    try {
      await api.apply(wanted, call)
    } catch (error) {
      const mayReshape = live !== undefined && wanted.kind === 'Deployment'
      if (!(error instanceof ApiFault) || error.code !== 422 || !mayReshape) throw error
      const patch = reshaping(wanted)
      await api.patch('Deployment', wanted.metadata?.name ?? '', patch, { signal: call.signal })
      await api.apply(wanted, call)
    }
  }

  /**
   * Puts right what somebody changed of ours. What our own settings would make different now waits for
   * the next start: nobody's request is cut for it.
   */
  async function repair(world: World, model: CatalogueModel, signal: AbortSignal): Promise<void> {
    const wanted = desiredObjects(place, model.manifest, model.facts.revision)
    const pairs = [
      [wanted.configMap, world.configMap],
      [wanted.service, world.service],
      [wanted.deployment, world.deployment],
    ] as const
    for (const [want, live] of pairs) {
      if (live === undefined || !isOurs(live, installation)) continue
      if (hashOf(want) !== hashOf(live)) continue
      const changes = drift(want, live)
      if (changes.length === 0) continue
      leadership.assertLeads()
      const what = labelOf(want)
      log.warn({ object: what, changes }, `${what}: ${describe(changes)} put right`)
      await put(want, live, signal)
    }
  }

  return {
    ensure: (...args: Parameters<typeof ensure>) => inTurn(() => ensure(...args)),
    repair: (...args: Parameters<typeof repair>) => inTurn(() => repair(...args)),
    whyImpossible,
  }
}

export type Provision = ReturnType<typeof createProvision>

function hashOf({ metadata }: KubernetesObject): string | undefined {
  return metadata?.annotations?.['vllm-chill.efortin.github.io/config-hash']
}

function describe(changes: ReturnType<typeof drift>): string {
  return changes
    .map(
      ({ path, wanted, found }) =>
        `${path} was ${JSON.stringify(found)}, is to be ${JSON.stringify(wanted)}`,
    )
    .join('; ')
}

async function explained<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw resourceError(error)
  }
}

/** The API server has said no, and why; anything else may go better next time. */
function resourceError(error: unknown): unknown {
  const isRefusal = error instanceof ApiFault && error.code >= 400 && error.code < 500
  if (!isRefusal) return error
  return new StartError({ reason: 'resources', message: error.message })
}
