import { catalogueModel, modelSchema, type VllmModel } from '../../../src/catalogue/index.ts'

/** Text of a manifest; `spec` adds to, or overrides, the two required fields. */
export function manifestText(name: string, spec: Record<string, unknown> = {}): string {
  return JSON.stringify({
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name },
    spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
  })
}

/** A valid manifest with its defaults. */
export function model(name: string, spec: Record<string, unknown> = {}): VllmModel {
  return modelSchema.parse(JSON.parse(manifestText(name, spec)))
}

export const defaults = { idleTimeoutMs: 300_000, startTimeoutMs: 600_000 }

export function entry(name: string, spec: Record<string, unknown> = {}, source = `${name}.yaml`) {
  return catalogueModel(model(name, spec), defaults, { source, createdAt: 1 })
}
