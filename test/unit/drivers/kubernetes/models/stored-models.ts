import type { CoreV1Event } from '@kubernetes/client-node'
import { ApiFault, type Api } from '../../../../../src/drivers/kubernetes/api/index.ts'
import type { LiveModels, VllmModelObject } from '../../../../../src/drivers/kubernetes/index.ts'

interface Written {
  readonly name: string
  readonly status: Record<string, unknown>
}

/** The VLLMModels of a namespace as an API server keeps them, and what is asked of it. */
export class StoredModels {
  readonly objects = new Map<string, VllmModelObject>()
  /** Every write of a status, in order. */
  readonly writes: Written[] = []
  readonly events: CoreV1Event[] = []
  /** While set, no write is taken. */
  fault: ApiFault | undefined
  /** Fields of a status that its schema does not have. */
  unknownFields: readonly string[] = []
  /** False: the watch lags behind, and tells nothing of what is written until it is told to. */
  tellsAtOnce = true
  #listeners = new Set<(objects: ReadonlyMap<string, VllmModelObject>) => void>()
  #watched = new Map<string, VllmModelObject>()
  #version = 0

  put(name: string, spec: Record<string, unknown> = {}, createdAt = '2026-01-01T00:00:00Z'): void {
    const known = this.objects.get(name)
    this.#store({
      apiVersion: 'vllm.efortin.github.io/v1alpha1',
      kind: 'VLLMModel',
      metadata: {
        name,
        namespace: 'ai',
        uid: known?.metadata.uid ?? `uid-${name}-${this.#version}`,
        generation: (known?.metadata.generation ?? 0) + 1,
        // On the wire it is text, whatever the type says.
        creationTimestamp: known?.metadata.creationTimestamp ?? (createdAt as unknown as Date),
      },
      spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
      ...(known?.status !== undefined && { status: known.status }),
    })
  }

  /** Somebody else's hand. */
  setStatus(name: string, status: unknown): void {
    this.#store({ ...this.objects.get(name)!, status })
  }

  remove(name: string): void {
    this.objects.delete(name)
    this.tell()
  }

  /** As a finalizer keeps it. */
  beginRemoval(name: string): void {
    const object = this.objects.get(name)!
    const deletionTimestamp = new Date()
    this.#store({ ...object, metadata: Object.assign({}, object.metadata, { deletionTimestamp }) })
  }

  tell(): void {
    this.#watched = new Map(this.objects)
    for (const listener of this.#listeners) listener(this.#watched)
  }

  statusOf(name: string): Record<string, unknown> {
    return (this.objects.get(name)?.status ?? {}) as Record<string, unknown>
  }

  readonly api = {
    namespace: 'ai',
    follow: (_kind: string, _options: object, onChange: (objects: never) => void) => {
      const listener = onChange as (objects: ReadonlyMap<string, VllmModelObject>) => void
      this.#listeners.add(listener)
      this.tell()
      const watched = () => this.#watched
      return {
        get objects() {
          return watched() as never
        },
        synced: Promise.resolve(),
        trouble: undefined,
        refresh: () => Promise.resolve(),
        close: () => void this.#listeners.delete(listener),
      }
    },
    patch: async (_kind: string, name: string, merge: object) => {
      const { status } = merge as { status: Record<string, unknown> }
      this.writes.push({ name, status })
      if (this.fault) throw this.fault
      const object = this.objects.get(name)
      if (!object) throw new ApiFault({ code: 404, message: `${name} not found` })
      const merged = Object.entries({ ...(object.status as object), ...status }).filter(
        ([field, value]) => value !== null && !this.unknownFields.includes(field),
      )
      return this.#store({ ...object, status: Object.fromEntries(merged) }) as never
    },
    create: async <T>(event: T) => {
      if (this.fault) throw this.fault
      this.events.push(event as CoreV1Event)
      return event
    },
  } satisfies Pick<Api, 'namespace' | 'follow' | 'patch' | 'create'>

  /** As a catalogue shows them. */
  get live(): LiveModels {
    const watched = () => this.#watched
    return {
      get objects() {
        return watched()
      },
      trouble: undefined,
      onChange: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  #store(object: VllmModelObject): VllmModelObject {
    const resourceVersion = String(++this.#version)
    const metadata = Object.assign({}, object.metadata, { resourceVersion })
    const stored = { ...object, metadata }
    this.objects.set(object.metadata.name ?? '', stored)
    if (this.tellsAtOnce) this.tell()
    return stored
  }
}
