import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Fields of a manifest beside its names; `env` steers the simulator. */
export type Spec = Readonly<Record<string, unknown>>

/** A folder of manifests, one file for each model. */
export interface ModelsFolder {
  readonly path: string
  write(name: string, spec?: Spec): Promise<void>
  /** Whatever text instead of a manifest. */
  scribble(name: string, text: string): Promise<void>
  remove(name: string): Promise<void>
}

export function modelsFolder(path: string): ModelsFolder {
  const fileOf = (name: string) => join(path, `${name}.yaml`)
  return {
    path,
    write: (name, spec = {}) => writeFile(fileOf(name), manifest(name, spec)),
    scribble: (name, text) => writeFile(fileOf(name), text),
    remove: (name) => rm(fileOf(name)),
  }
}

/** JSON is YAML. */
function manifest(name: string, spec: Spec): string {
  return JSON.stringify({
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name },
    spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
  })
}

/** The simulator's option for one model, such as `simulating({ failLoad: 3 })`. */
export function simulating(options: Readonly<Record<string, string | number | boolean>>): Spec {
  const env = Object.entries(options).map(([option, value]) => {
    const name = option.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    return [`VLLM_CHILL_SIMULATE_${name}`, String(value)]
  })
  return { env: Object.fromEntries(env) }
}
