import {
  checkManifest,
  followManifests,
  keepModels,
  modelApiVersion,
  modelKind,
  type ChangeListeners,
  type ModelDefaults,
  type Origin,
} from '../../../catalogue/index.ts'
import type { Api, VllmModelObject } from '../api/index.ts'
import type { ClusterCatalogue } from './types.ts'

/** Watches can miss something for good; a list of some objects now and then costs nothing. */
const relistMs = 5 * 60_000

export interface ClusterCatalogueOptions extends ChangeListeners {
  readonly api: Pick<Api, 'follow' | 'namespace'>
  /** For what a manifest leaves open; from the settings. */
  readonly defaults: ModelDefaults
}

/**
 * The VLLMModels of the namespace, followed as they change; resolves when all are known. As from a
 * folder: a manifest that breaks leaves in force what was good before, and while the API is away, so
 * does everything. Of two models with one name the one that was created first has it.
 */
export async function openClusterCatalogue(
  options: ClusterCatalogueOptions,
): Promise<ClusterCatalogue> {
  const { api, defaults } = options
  const listeners = new Set<() => void>()
  const kept = keepModels(options, async () => {
    listeners.clear()
    follower.close()
  })
  const follower = api.follow('VLLMModel', { relistMs }, (objects) => {
    const origins = [...objects.values()].filter(isStaying).sort(byAge).map(originOf)
    kept.adopt(followManifests(kept.known, origins, defaults, 'created'))
    for (const listener of listeners) listener()
  })
  await follower.synced
  return Object.assign(kept.catalogue, {
    live: {
      get objects() {
        return follower.objects
      },
      get trouble() {
        return follower.trouble
      },
      onChange(listener: () => void) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
  })
}

/** What is being deleted is gone already, however long somebody's finalizer keeps it. */
function isStaying({ metadata }: VllmModelObject): boolean {
  return metadata.deletionTimestamp === undefined
}

function originOf(object: VllmModelObject): Origin {
  const { name = '', namespace = '', uid = name } = object.metadata
  // Items of a list need not say their kind.
  const manifest = { ...object, apiVersion: modelApiVersion, kind: modelKind }
  return {
    key: uid,
    manifests: checkManifest(manifest, `${namespace}/${name}`),
    createdAtMs: createdAtMs(object.metadata),
  }
}

/** Timestamps of the API are whole seconds, and every program must come to the same order. */
function byAge({ metadata: a }: VllmModelObject, { metadata: b }: VllmModelObject): number {
  return createdAtMs(a) - createdAtMs(b) || ((a.name ?? '') < (b.name ?? '') ? -1 : 1)
}

function createdAtMs({ creationTimestamp }: VllmModelObject['metadata']): number {
  return creationTimestamp === undefined ? 0 : new Date(creationTimestamp).getTime()
}
