import { parse } from 'yaml'
import { devices, isMap, type Kind } from './kinds.ts'
import { didYouMean } from './nearest-name.ts'
import type { Settings } from './types.ts'

/** GPUs that several backends share. */
export interface GpuPoolSettings {
  readonly gpus: number
  /** As CUDA_VISIBLE_DEVICES names them; undefined: the first ones. */
  readonly devices: readonly string[] | undefined
}

const fields = ['gpus', 'devices']

export const gpuPoolMap: Kind<Readonly<Record<string, GpuPoolSettings>>> = {
  unit: '',
  placeholder: 'pools',
  expects: 'a map of pools, such as {main: {gpus: 2}}',
  read: (raw) => {
    const map = readMap(raw)
    if (problemsOf(map).length > 0) return undefined
    return Object.fromEntries(
      Object.entries(map as Record<string, Record<string, unknown>>).map(([name, pool]) => {
        const given = listOf(pool['devices'])
        return [name, { gpus: (pool['gpus'] as number) ?? given?.length, devices: given }]
      }),
    )
  },
  show: (value) =>
    JSON.stringify(value, (_, each: unknown) => (Array.isArray(each) ? each.join(',') : each)),
  json: {
    type: 'object',
    additionalProperties: {
      type: 'object',
      additionalProperties: false,
      properties: {
        gpus: { type: 'integer', minimum: 1, description: 'How many it has.' },
        devices: {
          ...devices.json,
          description: 'Which, as for CUDA_VISIBLE_DEVICES; the first ones unless given.',
        },
      },
    },
  },
  explain: (raw) => problemsOf(readMap(raw)),
}

function problemsOf(map: unknown): string[] {
  if (!isMap(map)) return [`: expected ${gpuPoolMap.expects}`]
  return Object.entries(map).flatMap(([name, pool]) => {
    if (!/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
      return [
        `: ${JSON.stringify(name)} is no name for a pool; expected lower-case letters, digits and dashes`,
      ]
    }
    if (!isMap(pool)) return [`.${name}: expected a map, such as {gpus: 2}`]
    const unknown = Object.keys(pool).filter((key) => !fields.includes(key))
    if (unknown.length > 0) {
      return unknown.map((key) => `.${name}.${key}: unknown field${didYouMean(key, fields)}`)
    }
    const { gpus, devices: raw } = pool
    if (gpus !== undefined && !(Number.isInteger(gpus) && (gpus as number) > 0)) {
      return [
        `.${name}.gpus: ${JSON.stringify(gpus)} is not understood; expected how many GPUs it has, such as 2`,
      ]
    }
    const given = listOf(raw)
    if (raw !== undefined && given === undefined) {
      return [
        `.${name}.devices: ${JSON.stringify(raw)} is not understood; expected ${devices.expects}`,
      ]
    }
    if (gpus === undefined && given === undefined) return [`.${name}: say how many \`gpus\` it has`]
    if (gpus !== undefined && given !== undefined && given.length !== gpus) {
      return [
        `.${name}: has ${Number(gpus)} \`gpus\`, but ${given.length} \`devices\`; leave one of the two out`,
      ]
    }
    return []
  })
}

function listOf(raw: unknown): readonly string[] | undefined {
  return raw === undefined || raw === null ? undefined : devices.read(raw)?.split(',')
}

/** In flags and variables it is YAML on one line. */
function readMap(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw
  try {
    return parse(raw, { logLevel: 'error' })
  } catch {
    return undefined
  }
}

/** What can never fit, and GPUs that would be given twice. */
export function findPoolContradictions(
  settings: Settings,
  complain: (problem: string) => void,
): void {
  const { gpuPools, backends, driver, pod } = settings
  const names = Object.keys(gpuPools)
  for (const [index, { pool, poolGpus, pod: own }] of backends.entries()) {
    if (pool === undefined) continue
    const place = `backends[${index}]`
    const found = gpuPools[pool]
    if (!found) {
      complain(
        `${place}.pool: ${pool} is none of \`gpuPools\` (${names.join(', ') || 'there are none'})${didYouMean(pool, names)}`,
      )
      continue
    }
    if (poolGpus > found.gpus) {
      complain(
        `${place}.gpus: needs ${poolGpus} GPUs of pool ${pool}, which has ${found.gpus}, so it could never start; lower it, or raise \`gpuPools.${pool}.gpus\``,
      )
    }
    const asked = own.gpuCount ?? pod.gpuCount
    if (driver === 'kubernetes' && asked !== undefined && asked !== poolGpus) {
      complain(
        `${place}.gpus: is ${poolGpus}, but its pods ask for ${asked} (\`pod.gpuCount\`); give the same, or leave one out`,
      )
    }
  }
  if (driver === 'kubernetes') {
    for (const name of names.filter((each) => gpuPools[each]!.devices !== undefined)) {
      complain(
        `gpuPools.${name}.devices: the cluster chooses the devices; say how many \`gpus\` it has`,
      )
    }
  } else {
    findSharedDevices(settings, complain)
  }
}

function findSharedDevices(
  { gpuPools, backends }: Settings,
  complain: (problem: string) => void,
): void {
  const pools = Object.entries(gpuPools)
  const owners = new Map<string, string>()
  if (pools.length > 1) {
    for (const [name, { devices: given }] of pools) {
      if (given === undefined) {
        complain(
          `gpuPools.${name}: with several pools, say which \`devices\` each has, such as "0,1"`,
        )
      }
    }
  }
  for (const [name, { gpus, devices: given }] of pools) {
    for (const device of given ?? Array.from({ length: gpus }, (_, at) => String(at))) {
      const owner = owners.get(device)
      if (owner !== undefined && given !== undefined) {
        complain(
          `gpuPools.${name}.devices: ${device} is of pool ${owner} too; each device is of one pool`,
        )
      }
      owners.set(device, name)
    }
  }
  for (const [index, backend] of backends.entries()) {
    for (const device of backend.gpus?.split(',') ?? []) {
      const owner = owners.get(device)
      if (owner === undefined) continue
      complain(
        `backends[${index}].gpus: device ${device} is of pool ${owner}; give the backend \`pool: ${owner}\` instead, else two models would be on it`,
      )
    }
  }
}
