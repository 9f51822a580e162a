import { splitCommand } from './command-words.ts'
import {
  commandLine,
  devices,
  dnsLabel,
  duration,
  integer,
  isMap,
  list,
  objectName,
  variables,
  type Kind,
} from './kinds.ts'
import { warmWindows } from './keep-warm.ts'
import { didYouMean } from './nearest-name.ts'
import { podMap, type PodSettings } from './pod.ts'
import type { BackendSettings } from './types.ts'

const names: Kind<readonly string[]> = { ...list, expects: 'a list of names' }

const gpuNumber: Kind<number> = {
  ...integer(1),
  expects: 'how many GPUs of its pool it needs, such as 1',
}

/** The fields of one entry of `backends` in the file; the reference is derived from it too. */
export const backendFields = {
  name: { kind: dnsLabel, meaning: 'Unique; state and metrics are kept under it. Required.' },
  models: { kind: names, meaning: 'Served names that it may serve; all unless given.' },
  gpus: {
    kind: devices,
    meaning:
      'Its GPUs, set as CUDA_VISIBLE_DEVICES. With `pool`: how many of it it needs, 1 unless given.',
  },
  pool: { kind: dnsLabel, meaning: 'The pool of `gpuPools` that its GPUs are of.' },
  idleTimeout: {
    kind: duration,
    meaning: "Over the models' and the general `idleTimeout`; 0 keeps what is loaded.",
  },
  keepWarm: {
    kind: warmWindows,
    meaning: 'Windows in which it keeps a model warm, before those of the general `keepWarm`.',
  },
  minIdleReplicas: { kind: integer(0, 1), meaning: 'Over the general `minIdleReplicas`.' },
  command: { kind: commandLine, meaning: 'Instead of the general `command`.' },
  deployment: {
    kind: objectName,
    meaning: 'Kubernetes: its Deployment; `<name>` unless given.',
  },
  configmap: {
    kind: objectName,
    meaning: 'Kubernetes: its ConfigMap; `<name>-config` unless given.',
  },
  service: {
    kind: dnsLabel,
    meaning: 'Kubernetes: its Service; `<name>-svc` unless given.',
  },
  pod: { kind: podMap, meaning: 'Kubernetes: over the general `pod`, field by field.' },
  env: { kind: variables, meaning: 'Added to the environment of its processes or pods.' },
} satisfies Record<string, { kind: Kind<unknown, 'Ms' | ''>; meaning: string }>

const fieldNames = Object.keys(backendFields)

/** What entries take from the flat settings. */
export interface BackendDefaults {
  readonly command: string
  readonly gpus: string | undefined
  readonly pod: PodSettings
}

/** The one backend of somebody who lists none. */
export function singleBackend(defaults: BackendDefaults): BackendSettings {
  return {
    name: 'vllm',
    models: undefined,
    gpus: defaults.gpus,
    pool: undefined,
    poolGpus: 1,
    idleTimeoutMs: undefined,
    keepWarm: [],
    minIdleReplicas: undefined,
    command: splitCommand(defaults.command) ?? [],
    env: {},
    deployment: undefined,
    configmap: undefined,
    service: undefined,
    pod: {},
  }
}

/** The list in the file; what is wrong with it goes to `complain`, and the entry is left out. */
export function readBackends(
  raw: unknown,
  defaults: BackendDefaults,
  complain: (problem: string) => void,
): BackendSettings[] {
  if (!Array.isArray(raw) || raw.length === 0) {
    complain('backends: expected a list of at least one backend, such as `- name: vllm`')
    return []
  }
  const backends = raw.map((entry, index) =>
    readBackend(entry, defaults, (problem) => complain(`backends[${index}]${problem}`)),
  )
  const taken = new Set<string>()
  for (const [index, backend] of backends.entries()) {
    if (backend === undefined) continue
    if (taken.has(backend.name)) {
      complain(`backends[${index}].name: ${backend.name} is already taken; names must be unique`)
    }
    taken.add(backend.name)
  }
  return backends.filter((backend) => backend !== undefined)
}

function readBackend(
  entry: unknown,
  defaults: BackendDefaults,
  complain: (problem: string) => void,
): BackendSettings | undefined {
  if (!isMap(entry)) {
    complain(': expected a map with at least a name')
    return undefined
  }
  for (const key of Object.keys(entry).filter((key) => !fieldNames.includes(key))) {
    complain(`.${key}: unknown field${didYouMean(key, fieldNames)}`)
  }
  const read = <T>(key: string, kind: Kind<T, 'Ms' | ''>): T | undefined => {
    const given = entry[key]
    if (given === undefined || given === null) return undefined
    const value = kind.read(given)
    if (value === undefined && kind.explain) {
      for (const problem of kind.explain(given)) complain(`.${key}${problem}`)
    } else if (value === undefined) {
      const shown = kind.isSecret ? 'what is given' : JSON.stringify(given)
      complain(`.${key}: ${shown} is not understood; expected ${kind.expects}`)
    }
    return value
  }
  const pool = read('pool', dnsLabel)
  const pod = read('pod', podMap) ?? {}
  const fields = {
    name: read('name', dnsLabel),
    models: read('models', names),
    gpus: pool === undefined ? read('gpus', devices) : undefined,
    pool,
    poolGpus:
      (pool === undefined ? undefined : read('gpus', gpuNumber)) ??
      pod.gpuCount ??
      defaults.pod.gpuCount ??
      1,
    idleTimeoutMs: read('idleTimeout', duration),
    keepWarm: read('keepWarm', warmWindows) ?? [],
    minIdleReplicas: read('minIdleReplicas', integer(0, 1)),
    command: splitCommand(read('command', commandLine) ?? defaults.command) ?? [],
    env: read('env', variables) ?? {},
    deployment: read('deployment', objectName),
    configmap: read('configmap', objectName),
    service: read('service', dnsLabel),
    pod,
  }
  const { name } = fields
  if (name !== undefined) return { ...fields, name }
  if (entry.name === undefined) complain('.name: is missing')
  return undefined
}
