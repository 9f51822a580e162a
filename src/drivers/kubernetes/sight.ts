import type { V1ConfigMap, V1Deployment, V1ObjectMeta } from '@kubernetes/client-node'
import type { Endpoint, Observed } from '../../../machines/index.ts'
import type { CatalogueModel } from '../../catalogue/index.ts'
import type { Progress } from './leadership/index.ts'
import type { PodSight } from './pods/index.ts'
import { configMapData } from './resources/index.ts'

const prefix = 'vllm-chill.efortin.github.io/'

/** What a Deployment is meant to run. */
export interface Meant {
  readonly model: string
  readonly revision: string
}

/** From the annotations of what we made. */
export function meantBy(metadata: V1ObjectMeta | undefined): Meant | undefined {
  const model = metadata?.annotations?.[`${prefix}model`]
  const revision = metadata?.annotations?.[`${prefix}model-revision`]
  return model === undefined || revision === undefined ? undefined : { model, revision }
}

/**
 * Of a Deployment that we did not make, with switching on: what its ConfigMap says. The revision is
 * the manifest's if every key says what the manifest would have said.
 */
export function meantByConfigMap(
  configMap: V1ConfigMap | undefined,
  models: ReadonlyMap<string, CatalogueModel>,
): Meant | undefined {
  const name = configMap?.data?.['SERVED_MODEL_NAME']
  if (name === undefined) return undefined
  const model = models.get(name)
  if (!model) return { model: name, revision: 'unknown' }
  const isSame = Object.entries(configMapData(model.manifest)).every(
    ([key, value]) => configMap?.data?.[key] === value,
  )
  return { model: name, revision: isSame ? model.facts.revision : 'another' }
}

export interface Seen {
  readonly deployment: V1Deployment | undefined
  readonly pods: PodSight
  readonly meant: Meant | undefined
  /** Of the ready pods, those whose own `/v1/models` names what is meant. */
  readonly verified: readonly Endpoint[]
  readonly progress: Progress | undefined
  /** Wall clock, ms. */
  readonly now: number
}

/** What is there, in the words of the charts. */
export function observedOf({ deployment, pods, meant, verified, progress, now }: Seen): Observed {
  const replicas = deployment?.spec?.replicas ?? 0
  if (replicas === 0 && pods.present === 0) return { found: 'nothing' }
  if (replicas === 0 || progress?.doing === 'leaving') return { found: 'leaving' }
  const { model, revision } = meant ?? { model: '', revision: '' }
  if (verified.length > 0) return { found: 'ready', model, revision, endpoints: verified }
  const since =
    progress?.doing === 'starting' && progress.model === model ? progress.since : undefined
  const elapsedMs = since === undefined ? Number.NaN : now - Date.parse(since)
  return {
    found: 'starting',
    model,
    revision,
    ...(elapsedMs > 0 && { elapsedMs }),
  }
}
