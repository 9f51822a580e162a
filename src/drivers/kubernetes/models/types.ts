import type { Catalogue, ModelPhase } from '../../../catalogue/index.ts'
import type { VllmModelObject } from '../api/index.ts'

/** The VLLMModels as the API has them, whether or not they are valid. */
export interface LiveModels {
  /** By name. */
  readonly objects: ReadonlyMap<string, VllmModelObject>
  /** Why they cannot be followed at the moment, in words; what was known stays. */
  readonly trouble: string | undefined
  /** Called after each change, also of a status alone; returns the way to stop it. */
  onChange(listener: () => void): () => void
}

/** A catalogue whose models are VLLMModels of one namespace. */
export interface ClusterCatalogue extends Catalogue {
  readonly live: LiveModels
}

/** Whether a condition holds. */
export interface Finding {
  readonly holds: boolean
  /** One word in CamelCase, for programs. */
  readonly reason: string
  readonly message: string
}

/** What is to be said of one model in the status of its VLLMModel. */
export interface ModelReport {
  /** `namespace/name` of the VLLMModel. */
  readonly source: string
  readonly phase: ModelPhase
  /** Why the phase is what it is. */
  readonly message: string
  /** Where it is loaded, or on its way. */
  readonly backend?: string | undefined
  /** Undefined: not known here; what was written stays. */
  readonly lastUsed?: Date | undefined
  /** Undefined: not known here; what was written stays. */
  readonly lastLoadSeconds?: number | undefined
  readonly ready: Finding
  readonly loading: Finding
  readonly failed: Finding
}

/** Tells the cluster what becomes of its models. */
export interface ModelStatusWriter {
  /**
   * All that is to be said now; the last call counts. What differs from what the cluster has is
   * written soon after, again when somebody else has changed it, and until it has been taken.
   */
  report(reports: readonly ModelReport[]): void
  /** An Event on the VLLMModel `source`. One that cannot be written is a line in the log. */
  event(source: string, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** Writes what is left, without trying again. */
  close(): Promise<void>
}
