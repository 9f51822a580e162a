import type { KubernetesObject } from '@kubernetes/client-node'
import {
  ApiFault,
  type Api,
  type Follower,
  type Kind,
  type Objects,
} from '../../../../../src/drivers/kubernetes/index.ts'
import type { FakeCluster } from './cluster.ts'
import { FieldOwners } from './field-owners.ts'
import type { Selection } from './selection.ts'

const own = 'vllm-chill'

export const fault = (code: number, message = `answered ${code}`): ApiFault =>
  new ApiFault({ code, message })

/** The calls of a driver, against a cluster in memory. */
export function apiOf(cluster: FakeCluster): Api {
  const { calls } = cluster

  function assertNewest(kind: Kind, name: string, resourceVersion: string | undefined): void {
    const live = cluster.find(kind, name)
    if (!live) throw fault(404, `${kind} ${name} not found`)
    if (live.metadata?.resourceVersion !== resourceVersion)
      throw fault(409, `${kind} ${name} has been modified`)
  }

  function apply(
    object: KubernetesObject,
    manager: string,
    { force, dryRun }: { force: boolean; dryRun: boolean },
  ): KubernetesObject {
    const live = cluster.find(object.kind as Kind, object.metadata?.name ?? '')
    const known = cluster.ownersOf(object) ?? new FieldOwners()
    const owners = dryRun ? known.copy() : known
    const outcome = owners.apply<KubernetesObject>(live, object, { manager, force })
    if ('result' in outcome) return dryRun ? outcome.result : cluster.store(outcome.result, owners)
    const { conflicts } = outcome
    throw new ApiFault({ code: 409, message: 'fields belong to others', conflicts })
  }

  const api = {
    namespace: 'ai',
    server: 'https://cluster.test:6443',
    get: async (kind: Kind, name: string) =>
      await calls.take(`get ${kind} ${name}`, () => cluster.find(kind, name)),
    list: async (kind: Kind, selection: Selection = {}) =>
      await calls.take(`list ${kind}`, () => cluster.all(kind, selection)),
    apply: async (
      object: KubernetesObject,
      { force = false, dryRun = false, fieldManager = own } = {},
    ) => {
      const who = fieldManager === own ? '' : ` as ${fieldManager}`
      const verb = dryRun ? 'try' : force ? 'force' : 'apply'
      const what = `${verb} ${object.kind} ${object.metadata?.name}${who}`
      return await calls.take(what, () => apply(object, fieldManager, { force, dryRun }))
    },
    create: async (object: KubernetesObject) => {
      const { kind, metadata } = object
      return await calls.take(`create ${kind} ${metadata?.name}`, () => {
        if (cluster.ownersOf(object)) throw fault(409, `${kind} ${metadata?.name} is there already`)
        return cluster.write(object, own)
      })
    },
    replace: async (object: KubernetesObject) => {
      const { kind, metadata } = object
      return await calls.take(`replace ${kind} ${metadata?.name}`, () => {
        assertNewest(kind as Kind, metadata?.name ?? '', metadata?.resourceVersion)
        return cluster.write(object, own)
      })
    },
    patch: async (kind: Kind, name: string, merge: object) =>
      await calls.take(`patch ${kind} ${name}`, () => {
        const live = cluster.find(kind, name)
        if (!live) throw fault(404, `${kind} ${name} not found`)
        return cluster.write(merged(live, merge) as KubernetesObject, own)
      }),
    readScale: async (name: string) =>
      await calls.take(`read scale ${name}`, () => {
        const { metadata, spec } = cluster.find('Deployment', name) ?? {}
        if (!metadata) return undefined
        return { replicas: spec?.replicas ?? 0, resourceVersion: metadata.resourceVersion ?? '' }
      }),
    writeScale: async (name: string, replicas: number, resourceVersion: string) =>
      await calls.take(`scale ${name} ${replicas}`, () => {
        assertNewest('Deployment', name, resourceVersion)
        const live = cluster.find('Deployment', name)!
        live.spec!.replicas = replicas
        cluster.write(live, own)
      }),
    podLog: async (pod: string, { previous = false }: { previous?: boolean }) => {
      const which = `${pod}${previous ? ' previous' : ''}`
      return await calls.take(`log ${which}`, () => {
        const lines = cluster.logs.get(which)
        if (!lines) throw fault(400, `no log of ${which}`)
        return lines
      })
    },
    follow: (kind: Kind, selection: Selection, onChange: (objects: never) => void) =>
      follow(cluster, kind, selection, onChange as Listener<Kind>),
    portForward: async (pod: string, port: number) =>
      await calls.take(`forward ${pod} ${port}`, () => ({
        url: `http://127.0.0.1:${port}`,
        close: async () => await calls.take(`forward ${pod} ${port} closed`, () => undefined),
      })),
  }
  return api as unknown as Api
}

type Listener<K extends Kind> = (objects: ReadonlyMap<string, Objects[K]>) => void

function follow<K extends Kind>(
  cluster: FakeCluster,
  kind: K,
  selection: Selection,
  onChange: Listener<K>,
): Follower<Objects[K]> {
  let objects: ReadonlyMap<string, Objects[K]> = new Map()
  let shown: string | undefined
  const look = () => {
    const found = cluster.all(kind, selection)
    const versions = JSON.stringify(found.map(({ metadata }) => metadata?.resourceVersion))
    if (versions === shown) return
    shown = versions
    objects = new Map(found.map((object) => [object.metadata?.name ?? '', object]))
    onChange(objects)
  }
  let stop: (() => void) | undefined
  const synced = Promise.resolve().then(() => {
    stop = cluster.subscribe(look)
    look()
  })
  return {
    get objects() {
      return objects
    },
    synced,
    trouble: undefined,
    refresh: () => cluster.calls.take(`list ${kind}`, look),
    close: () => stop?.(),
  }
}

/** A JSON merge patch. */
function merged(value: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result = { ...(value as Record<string, unknown>) }
  for (const [field, change] of Object.entries(patch)) {
    if (change === null) delete result[field]
    else if (change !== undefined) result[field] = merged(result[field], change)
  }
  return result
}
