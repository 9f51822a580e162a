import { z } from 'zod'
import { durationPattern, parseDuration, splitCommand } from '../config/index.ts'

export const apiGroup = 'vllm.efortin.github.io'
export const apiVersion = `${apiGroup}/v1alpha1`
export const kind = 'VLLMModel'

/** A first dash would make a flag of it on vLLM's command line; outer blanks are never meant. */
const name = z
  .string()
  .regex(/^[^\s-](.*\S)?$/, { error: 'must not be empty, begin with a dash or end with a blank' })

// The pattern goes into the CRD; the length of a timer is only checked here.
const duration = z
  .string()
  .regex(new RegExp(durationPattern), {
    error: 'must be a duration with its units, such as 30s, 5m or 1h30m, or "0"',
    abort: true,
  })
  .refine((text) => parseDuration(text) !== undefined, {
    error: 'must be at most 576h',
  })

/**
 * The one definition of a model's fields. Validation, defaults, documentation and the CRD's schema come
 * from it. No transforms: what is valid is also what is stored.
 */
export const specSchema = z.strictObject({
  modelName: name.describe('Hugging Face id, or path of the weights.'),
  servedModelName: name.describe('What clients put in `model`.'),
  aliases: z
    .array(name)
    .default([])
    .describe('Further names for the same model; vLLM is told to answer to them too.'),
  toolCallParser: z
    .enum(['', 'hermes', 'mistral', 'llama3_json', 'internlm2', 'qwen3_coder', 'granite'])
    .default('')
    .describe('Parser for tool calls; empty for none. Others go through `extraArgs`.'),
  reasoningParser: z
    .enum(['', 'deepseek_r1'])
    .default('')
    .describe('Parser for reasoning; empty for none. Others go through `extraArgs`.'),
  tensorParallelSize: z.int().min(1).default(1).describe('GPUs that share the model.'),
  maxModelLen: z.int().min(512).default(32_768).describe('Context length, in tokens.'),
  gpuMemoryUtilization: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.9)
    .describe("Share of the GPU's memory that vLLM takes."),
  enableChunkedPrefill: z.boolean().default(true).describe('Mix prefill and decode in a batch.'),
  maxNumBatchedTokens: z.int().min(1).default(4096).describe('Tokens in one batch.'),
  maxNumSeqs: z.int().min(1).default(16).describe('Sequences that the engine runs at once.'),
  dtype: z
    .enum(['auto', 'half', 'float16', 'bfloat16', 'float', 'float32'])
    .default('auto')
    .describe('Type of weights and activations.'),
  disableCustomAllReduce: z
    .boolean()
    .default(false)
    .describe('Use NCCL instead of the custom all-reduce.'),
  enablePrefixCaching: z.boolean().default(true).describe('Keep the KV cache of shared prefixes.'),
  cpuOffloadGB: z.int().min(0).default(0).describe('Weights kept in host memory, in GB per GPU.'),
  enableAutoToolChoice: z
    .boolean()
    .default(true)
    .describe('Let the model decide on tool calls. Has no effect without a `toolCallParser`.'),
  extraArgs: z
    .array(z.string())
    .default([])
    .describe('Further arguments for vLLM, put last, so that they win.'),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be a name such as HF_HOME' }),
      z.string(),
    )
    .default({})
    .describe("Added to the backend's environment."),
  startTimeout: duration
    .refine((text) => parseDuration(text) !== 0, { error: 'must be more than 0' })
    .optional()
    .describe('How long a start may take; the setting `startTimeout` unless given.'),
  idleTimeout: duration
    .optional()
    .describe(
      'How long it stays loaded without requests; the setting `idleTimeout` unless given, `"0"` keeps it loaded.',
    ),
  priority: z.int().default(0).describe('Higher goes first when several models wait.'),
  maxInFlight: z
    .int()
    .min(1)
    .optional()
    .describe('Requests that one endpoint gets at once; 2 × `maxNumSeqs` unless given.'),
  command: z
    .union([
      z.string().refine((line) => splitCommand(line) !== undefined, {
        error: 'must be a command with every quote closed',
      }),
      z.array(z.string()).min(1),
    ])
    .optional()
    .describe("Run instead of the backend's command, as a line or as words."),
  image: z.string().min(1).optional().describe('Container image, in Kubernetes.'),
  gpuCount: z
    .int()
    .min(0)
    .optional()
    .describe('GPUs of its pod, in Kubernetes; `tensorParallelSize` unless given.'),
  podTemplate: z
    .record(z.string(), z.unknown())
    .optional()
    .describe(
      'Anything else of its pod, in Kubernetes: `metadata` and `spec` of a PodTemplateSpec, laid over what vllm-chill makes as a strategic merge patch. The container is called `vllm`.',
    ),
})

/** What we read of a manifest; Kubernetes keeps more in `metadata` and `status`, which is left alone. */
export const modelSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().min(1).optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: specSchema,
})

/** A manifest with every default filled in. */
export type VllmModel = z.output<typeof modelSchema>

/** A manifest as it may be written. */
export type VllmModelManifest = z.input<typeof modelSchema>
