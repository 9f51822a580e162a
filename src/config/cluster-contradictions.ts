import { objectNames } from './object-names.ts'
import type { Settings } from './types.ts'

/** What is fine for processes and wrong in a cluster, and names that two backends cannot share. */
export function findClusterContradictions(
  settings: Settings,
  complain: (problem: string) => void,
): void {
  const { models, backends, sources } = settings
  if (models !== undefined) {
    complain(
      `models: a folder is for \`driver: process\`; in a cluster, models are VLLMModel resources${whyCluster(sources)}`,
    )
  }
  for (const [index, { gpus }] of backends.entries()) {
    if (gpus === undefined) continue
    const place = sources.backends === 'default' ? 'gpus' : `backends[${index}].gpus`
    complain(
      `${place}: chooses devices of \`driver: process\`; in a cluster a pod is given as many as its model's \`gpuCount\`, else \`pod.gpuCount\`, says${whyCluster(sources)}`,
    )
  }
  if (sources.backends === 'default') return
  for (const key of ['deployment', 'configmap', 'targetHost'] as const) {
    if (sources[key] === 'default') continue
    const field = key === 'targetHost' ? 'service' : key
    complain(
      `${key}: is for a single backend; give \`${field}\` to each entry of \`backends\` instead`,
    )
  }
  findSharedNames(settings, complain)
}

/** Nobody who set one of these has to have thought of the driver. */
function whyCluster(sources: Settings['sources']): string {
  if (sources.driver !== 'default') return ''
  const key = (['kubeconfig', 'context', 'namespace'] as const).find(
    (each) => sources[each] !== 'default',
  )
  return key === undefined
    ? ' (the driver is `kubernetes` as the program runs in a cluster)'
    : ` (the driver is \`kubernetes\` as ${key} is given by ${sources[key]})`
}

/** Each would scale, and write its model into, what is the other's. */
function findSharedNames(settings: Settings, complain: (problem: string) => void): void {
  for (const kind of ['deployment', 'configmap', 'service'] as const) {
    const owners = new Map<string, string>()
    for (const [index, backend] of settings.backends.entries()) {
      const name = objectNames(settings, backend)[kind]
      const owner = owners.get(name)
      // Two backends of one name are told of already.
      if (owner !== undefined && owner !== backend.name) {
        complain(`backends[${index}].${kind}: ${name} is that of ${owner} too; each needs its own`)
      }
      owners.set(name, backend.name)
    }
  }
}
