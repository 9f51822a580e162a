import type { KubernetesObject, V1Deployment, V1Lease, V1Pod } from '@kubernetes/client-node'
import type { Api, Kind, Objects } from '../../../../../src/drivers/kubernetes/index.ts'
import { apiOf } from './api.ts'
import { Calls } from './calls.ts'
import { FieldOwners } from './field-owners.ts'
import { podFrom, type PodFields } from './pods.ts'
import { isSelected, type Selection } from './selection.ts'

interface Stored {
  readonly object: KubernetesObject
  readonly owners: FieldOwners
}

/**
 * A namespace in memory as an API server keeps it: versions, who owns which field, followers. Pods come
 * and go when a test says so, or like a Deployment's after `podsOn`.
 */
export class FakeCluster {
  readonly calls = new Calls()
  readonly api: Api = apiOf(this)
  /** Lines by `pod` or `pod previous`. */
  readonly logs = new Map<string, readonly string[]>()
  /** True: what changes is only seen by those who ask. */
  isWatchSilent = false
  /** True: pods that are deleted stay until `endPods`. */
  podsLeaveSlowly = false
  /** What is not allowed: `create deployments`. */
  readonly forbidden = new Set<string>()
  /** Version of what was removed last. */
  lastRemovalAt = 0
  readonly #objects = new Map<string, Stored>()
  readonly #listeners = new Set<() => void>()
  #version = 0
  #podsOn: number | undefined

  get version(): string {
    return String(this.#version)
  }

  find<K extends Kind>(kind: K, name: string): Objects[K] | undefined {
    const stored = this.#objects.get(`${kind} ${name}`)
    if (!stored) return undefined
    const object = structuredClone(stored.object)
    object.metadata!.managedFields = stored.owners.managedFields
    return object as Objects[K]
  }

  all<K extends Kind>(kind: K, selection: Selection = {}): Objects[K][] {
    return [...this.#objects.values()]
      .filter(({ object }) => object.kind === kind && isSelected(object, selection))
      .map(({ object }) => structuredClone(object) as Objects[K])
  }

  get deployment(): V1Deployment | undefined {
    return this.find('Deployment', 'vllm')
  }

  /** Somebody makes something by hand. */
  add(object: KubernetesObject): void {
    this.write(object, 'somebody')
  }

  /** Somebody changes something by hand. */
  edit<K extends Kind>(kind: K, name: string, change: (object: Objects[K]) => void): void {
    const object = this.find(kind, name)
    if (!object) throw new Error(`there is no ${kind} ${name}`)
    change(object)
    this.write(object, 'somebody')
  }

  scale(replicas: number): void {
    this.edit('Deployment', 'vllm', ({ spec }) => {
      spec!.replicas = replicas
    })
  }

  remove(kind: Kind, name: string): void {
    this.#objects.delete(`${kind} ${name}`)
    this.lastRemovalAt = ++this.#version
    this.#changed()
  }

  /** The next pod of a Deployment, as its template says. */
  makePod(fields: PodFields = {}, deployment = 'vllm'): V1Pod {
    const pod = podFrom(this.find('Deployment', deployment)!, ++this.#version, fields)
    this.add(pod)
    return pod
  }

  /** From now on there are as many pods as the Deployment asks for, Ready, on this port. */
  podsOn(port: number): void {
    this.#podsOn = port
    this.#control()
  }

  deletePod(name: string): void {
    if (!this.podsLeaveSlowly) this.remove('Pod', name)
    else if (this.find('Pod', name)?.metadata?.deletionTimestamp === undefined) {
      this.edit('Pod', name, ({ metadata }) => {
        metadata!.deletionTimestamp = new Date()
      })
    }
  }

  /** What leaves is gone. */
  endPods(): void {
    for (const { metadata } of this.all('Pod')) {
      if (metadata?.deletionTimestamp) this.remove('Pod', metadata.name ?? '')
    }
  }

  get lease(): V1Lease | undefined {
    return this.find('Lease', 'vllm-chill')
  }

  /** The Lease is another program's from now on. */
  giveLeaseTo(holder: string): void {
    const lease = this.lease ?? {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'vllm-chill' },
    }
    lease.spec ??= {}
    Object.assign(lease.spec, { holderIdentity: holder, leaseDurationSeconds: 3_600 })
    this.add(lease)
  }

  /** What another program says in the Lease, instead of what is there. */
  annotateLease(key: 'progress' | 'followers', value: object): void {
    this.edit('Lease', 'vllm-chill', ({ metadata }) => {
      const name = `vllm-chill.efortin.github.io/${key}`
      metadata!.annotations = { ...metadata!.annotations, [name]: JSON.stringify(value) }
    })
  }

  /** A write that is no apply. */
  write(object: KubernetesObject, manager: string): KubernetesObject {
    const owners = this.ownersOf(object) ?? new FieldOwners()
    owners.update(this.#objects.get(keyOf(object))?.object, object, manager)
    return this.store(object, owners)
  }

  ownersOf(object: KubernetesObject): FieldOwners | undefined {
    return this.#objects.get(keyOf(object))?.owners
  }

  store(object: KubernetesObject, owners: FieldOwners): KubernetesObject {
    // As it comes over the wire: times are text, and what is undefined is not there.
    const stored = JSON.parse(JSON.stringify(object)) as V1Deployment
    const live: V1Deployment | undefined = this.#objects.get(keyOf(stored))?.object
    const isSame = JSON.stringify(live?.spec) === JSON.stringify(stored.spec)
    const number = ++this.#version
    stored.metadata = Object.assign(stored.metadata!, {
      namespace: 'ai',
      uid: live?.metadata?.uid ?? stored.metadata?.uid ?? `uid-${number}`,
      resourceVersion: String(number),
      generation: (live?.metadata?.generation ?? 0) + (live && isSame ? 0 : 1),
    })
    delete stored.metadata.managedFields
    if (stored.kind === 'Deployment') stored.spec!.replicas ??= 1
    this.#objects.set(keyOf(stored), { object: stored, owners })
    this.#changed()
    return this.find(stored.kind as Kind, stored.metadata.name ?? '')!
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #changed(): void {
    if (!this.isWatchSilent) for (const tell of this.#listeners) tell()
    queueMicrotask(() => this.#control())
  }

  /** The controller of the Deployment: of another template first none, then as many as are asked for. */
  #control(): void {
    if (this.#podsOn === undefined) return
    const { spec } = this.deployment ?? {}
    const wanted = spec?.replicas ?? 0
    const template = annotationsOf(spec?.template)
    const pods = this.all('Pod').filter(({ status }) => status?.phase === 'Running')
    const staying = wanted > 0 ? pods.filter((pod) => annotationsOf(pod) === template) : []
    const leaving = pods.filter((pod) => !staying.includes(pod))
    for (const pod of leaving) this.deletePod(pod.metadata?.name ?? '')
    const isBusy = leaving.length > 0 || pods.some(({ metadata }) => metadata?.deletionTimestamp)
    if (!isBusy && staying.length < wanted) this.makePod({ port: this.#podsOn })
  }
}

function keyOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.name}`
}

function annotationsOf(object: KubernetesObject | undefined): string {
  return JSON.stringify(object?.metadata?.annotations ?? {})
}
