import { markerName } from './marker.ts'
import type { LaunchPlan, ProcessBackend } from './options.ts'

/**
 * The original's variables for the proxy itself. vLLM reads some of the same names with another
 * meaning (`VLLM_PORT` is where its workers meet) and warns about the others.
 */
const meantForTheProxy = new Set([
  'VLLM_NAMESPACE',
  'VLLM_DEPLOYMENT',
  'VLLM_CONFIGMAP',
  'VLLM_TARGET',
  'VLLM_PORT',
])

/** Client keys, the operations token and the backend key of the configuration all begin so. */
const ownPrefix = 'VLLM_CHILL_'

export interface ChildEnvironmentInput {
  /** The program's own. */
  readonly own: Readonly<Record<string, string | undefined>>
  readonly backend: ProcessBackend
  readonly plan: LaunchPlan
  readonly backendApiKey?: string | undefined
  readonly marker: string
}

/**
 * The program's environment without what is meant for the program alone, then the backend's, then the
 * model's; the GPUs and the key are the operator's, so no model changes them.
 */
export function childEnvironment(input: ChildEnvironmentInput): Record<string, string> {
  const { own, backend, plan, backendApiKey, marker } = input
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    const withheld = name.startsWith(ownPrefix) || meantForTheProxy.has(name)
    if (value !== undefined && !withheld) environment[name] = value
  }
  Object.assign(environment, backend.env, plan.env)
  if (backend.gpus !== undefined) environment['CUDA_VISIBLE_DEVICES'] = backend.gpus
  if (backendApiKey !== undefined) environment['VLLM_API_KEY'] = backendApiKey
  environment[markerName] = marker
  // vLLM names its workers with py-setproctitle, which otherwise overwrites `/proc/<pid>/environ`,
  // where the marker is looked for (https://github.com/dvarrazzo/py-setproctitle#environment-variables).
  environment['SPT_NOENV'] = '1'
  return environment
}
