import type { Model } from '../../machines/index.ts'
import { parseDuration } from '../config/index.ts'
import { revisionOf } from './revision.ts'
import type { VllmModel } from './schema.ts'
import type { CatalogueModel } from './types.ts'

/** What a model has whose manifest does not say; from the settings. */
export interface ModelDefaults {
  readonly idleTimeoutMs: number
  readonly startTimeoutMs: number
  /** Undefined: 2 × `maxNumSeqs`. */
  readonly maxInFlight?: number | undefined
}

/** A catalogue entry of a valid manifest. */
export function catalogueModel(
  manifest: VllmModel,
  defaults: ModelDefaults,
  origin: Pick<CatalogueModel, 'source' | 'createdAt'>,
): CatalogueModel {
  const { spec } = manifest
  return {
    name: spec.servedModelName,
    aliases: spec.aliases,
    // Twice what the engine runs keeps its batch full; more would queue where we see no order.
    maxInFlight: spec.maxInFlight ?? defaults.maxInFlight ?? 2 * spec.maxNumSeqs,
    facts: factsOf(manifest, defaults),
    manifest,
    ...origin,
  }
}

function factsOf(manifest: VllmModel, defaults: ModelDefaults): Model {
  const { spec } = manifest
  return {
    name: spec.servedModelName,
    revision: revisionOf(manifest),
    idleTimeoutMs: durationOf(spec.idleTimeout) ?? defaults.idleTimeoutMs,
    startTimeoutMs: durationOf(spec.startTimeout) ?? defaults.startTimeoutMs,
    priority: spec.priority,
  }
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text)
}
