import { parse } from 'yaml'
import { z } from 'zod'
import { explain } from './explain.ts'
import { isMap, objectNamePattern, objectNameWords, type Kind } from './kinds.ts'

/** Of an amount; the API server knows more ways to write one, which no amount here needs. */
const quantityPattern = /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$/

const hidden = '…'

/** Of an object in the cluster. */
const name = z.string().regex(objectNamePattern, { error: `must be ${objectNameWords}` })
/** As Kubernetes writes amounts; YAML makes numbers of some. */
const quantity = z
  .union([z.string(), z.number()])
  .refine((value) => quantityPattern.test(String(value)), {
    error: 'must be an amount such as 500m, 16Gi or 2',
  })
const words = z.record(z.string(), z.string())
const amounts = z.record(z.string(), quantity)
const anything = z.record(z.string(), z.unknown())

const absolutePath = z.string().regex(/^\//, { error: 'must be an absolute path' })

const relativePath = z.string().regex(/^(?!\/)(?!(.*\/)?\.\.(\/|$)).+/, {
  error: 'must be a path without `..` that does not begin with /',
})

const volume = z
  .strictObject({
    pvc: name.optional().describe('A PersistentVolumeClaim of the namespace.'),
    hostPath: absolutePath.optional().describe('A folder of the node; made where it is missing.'),
    emptyDir: quantity
      .optional()
      .describe('A folder that goes with the pod, of at most this size.'),
    mountPath: absolutePath.optional().describe('Where the container sees it.'),
    subPath: relativePath.optional().describe('A folder in it, to use no more than that.'),
  })
  .refine(
    ({ pvc, hostPath, emptyDir }) =>
      [pvc, hostPath, emptyDir].filter((each) => each !== undefined).length === 1,
    { error: 'must be one of pvc, hostPath and emptyDir' },
  )

const toleration = z
  .strictObject({
    key: z.string().optional(),
    operator: z.enum(['Exists', 'Equal']).optional(),
    value: z.string().optional(),
    effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
    tolerationSeconds: z.int().optional(),
  })
  .refine(({ operator, value }) => operator !== 'Exists' || !value, {
    error: 'must have no value with the operator Exists',
  })
  .refine(({ operator, key }) => operator === 'Exists' || Boolean(key), {
    error: 'must have a key, or the operator Exists',
  })
  .refine(
    ({ effect, tolerationSeconds }) => tolerationSeconds === undefined || effect === 'NoExecute',
    {
      error: 'must have the effect NoExecute where it has tolerationSeconds',
    },
  )

const seconds = z.int().min(1).optional()

/** What is not given stays as it is. */
const probe = z.strictObject({
  initialDelaySeconds: z.int().min(0).optional(),
  periodSeconds: seconds,
  timeoutSeconds: seconds,
  failureThreshold: z.int().min(1).optional(),
})
const none = z.literal(false)

/** What the pods of a backend look like, beside what their model says. */
export const podSchema = z.strictObject({
  imagePullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .optional()
    .describe('When the image is pulled.'),
  imagePullSecrets: z.array(name).optional().describe('Secrets for the registry.'),
  gpuCount: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Devices of a pod whose model has no `gpuCount`; its `tensorParallelSize` unless given.',
    ),
  modelCache: volume
    .optional()
    .describe('Keeps downloaded weights; at `/root/.cache/huggingface` unless it says where.'),
  compileCache: volume
    .optional()
    .describe('Keeps what vLLM compiles; at `/root/.cache/vllm` unless it says where.'),
  shmSize: quantity
    .optional()
    .describe('Shared memory, which tensor parallelism needs; `2Gi` unless given.'),
  resources: z
    .strictObject({ requests: amounts.optional(), limits: amounts.optional() })
    .optional()
    .describe('CPU, memory and more, beside the GPUs.'),
  probes: z
    .strictObject({
      startup: z.union([none, probe]).optional(),
      readiness: probe.optional(),
      liveness: z.union([none, probe]).optional(),
    })
    .optional()
    .describe('How often, and how patiently, `/health` is asked; `false` for not at all.'),
  nodeSelector: words.optional().describe('Labels that its node must have.'),
  tolerations: z.array(toleration).optional().describe('Taints that it bears.'),
  runtimeClass: name.optional().describe('Such as `nvidia`.'),
  priorityClass: name.optional().describe('A PriorityClass.'),
  serviceAccount: name.optional().describe('It is given no token of it.'),
  podSecurityContext: anything
    .optional()
    .describe(
      "The pod's securityContext; `{seccompProfile: {type: RuntimeDefault}}` unless given.",
    ),
  securityContext: anything
    .optional()
    .describe(
      "The container's securityContext; unless given, no escalation and of all capabilities only CHOWN, DAC_OVERRIDE and FOWNER, which the image's root needs for caches of others.",
    ),
  labels: words.optional().describe('Further labels.'),
  annotations: words.optional().describe('Further annotations.'),
  env: words.optional().describe('Further environment variables.'),
  podTemplate: anything
    .optional()
    .describe(
      'Anything else of a PodTemplateSpec (`metadata`, `spec`), laid over it as a strategic merge patch; the container is called `vllm`.',
    ),
})

export type PodSettings = z.output<typeof podSchema>

/** A volume for a cache. */
export type VolumeSettings = z.output<typeof volume>

const { $schema: _, ...json } = z.toJSONSchema(podSchema, { io: 'input' })

export const podMap: Kind<PodSettings> = {
  unit: '',
  placeholder: 'yaml',
  expects: 'a map, such as {shmSize: 8Gi, runtimeClass: nvidia}',
  read: (raw) => podSchema.safeParse(readMap(raw)).data,
  show: (value) => JSON.stringify(withoutValues(value)),
  json,
  explain: (raw) => {
    const map = readMap(raw)
    if (!isMap(map)) return [`: expected ${podMap.expects}`]
    const { error } = podSchema.safeParse(map)
    return explain(error?.issues ?? [], map, fieldsAt).map(({ path, message }) =>
      path[0] === 'env'
        ? `.${path.join('.')}: must be text; quote it if it is a number`
        : `.${message}`,
    )
  },
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

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** Names that may stand at a place of the map. */
function fieldsAt(path: readonly PropertyKey[]): readonly string[] {
  const forms = (schema: Schema): readonly Schema[] => schema.anyOf ?? [schema]
  let at = forms(json as Schema)
  for (const step of path) {
    at = at
      .flatMap(({ properties, items }) => properties?.[String(step)] ?? items ?? [])
      .flatMap(forms)
  }
  return at.flatMap(({ properties = {} }) => Object.keys(properties))
}

/** What variables hold may be a secret, in `env` here as in that of containers. */
function withoutValues(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) {
    return value.map((each) =>
      field === 'env' && isMap(each) && 'value' in each
        ? { ...each, value: hidden }
        : withoutValues(each),
    )
  }
  if (!isMap(value)) return value
  const fields = Object.entries(value).map(([name, inner]) => [
    name,
    field === 'env' ? hidden : withoutValues(inner, name),
  ])
  return Object.fromEntries(fields)
}
