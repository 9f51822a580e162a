import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { modelSchema, specSchema, vllmArguments } from '../../src/catalogue/index.ts'
import { modelFolders, python, vllmEnvironment } from './environment/cache.ts'

const spec = { modelName: 'org/model', servedModelName: 'model' }

/** Each value that a field of a manifest may have, or its ends, one at a time. */
const cases: readonly object[] = [
  {},
  { modelName: '/models/a folder/with blanks' },
  { servedModelName: 'a name with blanks' },
  { aliases: ['b', 'c/d', 'e:f'] },
  ...['hermes', 'mistral', 'llama3_json', 'internlm2', 'qwen3_coder', 'granite'].flatMap(
    (toolCallParser) => [{ toolCallParser }, { toolCallParser, enableAutoToolChoice: false }],
  ),
  { reasoningParser: 'deepseek_r1' },
  { tensorParallelSize: 1 },
  { tensorParallelSize: 8 },
  { maxModelLen: 512 },
  { maxModelLen: 10_000_000 },
  { gpuMemoryUtilization: 0.1 },
  { gpuMemoryUtilization: 1 },
  { enableChunkedPrefill: false },
  { maxNumBatchedTokens: 1 },
  { maxNumBatchedTokens: 1_000_000 },
  { maxNumSeqs: 1 },
  { maxNumSeqs: 4096 },
  ...['auto', 'half', 'float16', 'bfloat16', 'float', 'float32'].map((dtype) => ({ dtype })),
  { disableCustomAllReduce: true },
  { enablePrefixCaching: false },
  { cpuOffloadGB: 1 },
  { cpuOffloadGB: 512 },
  { extraArgs: ['--enforce-eager', '--seed', '7', '--max-model-len', '1024'] },
]

/** What vLLM ends at once with, so that its silence about the cases means something. */
const wrong: readonly (readonly [string, RegExp])[] = [
  ['--no-such-flag', /--no-such-flag/],
  ['--enable-auto-tool-choice', /requires --tool-call-parser/],
]

/** Fields that are none of vLLM's business. */
const ours = {
  env: { A: 'b' },
  startTimeout: '1m',
  idleTimeout: '1m',
  priority: 1,
  maxInFlight: 1,
  command: 'my vllm serve',
  image: 'an/image',
  gpuCount: 2,
  podTemplate: { spec: {} },
}

/** Of the cases, and then of what is wrong; vLLM is imported once for all of them. */
let complaints: (string | null)[]

beforeAll(async () => {
  const lists = [...cases, ...wrong.map(([flag]) => ({ extraArgs: [flag] }))]
  complaints = await complaintsOf(lists.map((fields) => argumentsOf(fields)))
})

test('the parser of vllm serve accepts every argument that a manifest can lead to', () => {
  const refused = cases.flatMap((fields, index) =>
    complaints[index] === null ? [] : [{ fields, complaint: complaints[index] }],
  )
  expect(refused).toEqual([])
})

test('it refuses what is wrong', () => {
  const said = complaints.slice(cases.length)
  expect(said).toEqual(wrong.map(([, complaint]) => expect.stringMatching(complaint)))
})

test('every field of a manifest that leads to an argument is tried', () => {
  const tried = [ours, ...cases].flatMap((fields) => Object.keys(fields))
  expect(new Set(tried)).toEqual(new Set(Object.keys(specSchema.shape)))
  expect(argumentsOf(ours)).toEqual(argumentsOf({}))
})

/** What fits the tiny model, unless the case says otherwise. */
const fitting = {
  modelName: modelFolders.small,
  maxModelLen: 512,
  maxNumBatchedTokens: 512,
  gpuMemoryUtilization: 0.1,
}

/** Not of the CPU's making: what contradicts the other fields, or the model, is refused on a GPU too. */
const refusals: readonly (readonly [object, RegExp])[] = [
  [{ reasoningParser: 'deepseek_r1' }, /could not locate think start\/end tokens/],
  [{ tensorParallelSize: 8 }, /divisible by tensor parallel size/],
  [{ maxModelLen: 10_000_000 }, /greater than the derived max_model_len/],
  [{ maxNumBatchedTokens: 1 }, /must be greater than or equal to max_num_seqs/],
  [{ maxNumSeqs: 4096 }, /must be greater than or equal to max_num_seqs/],
]

test('the engine on a CPU takes all of them, but what contradicts itself or the model', async () => {
  const tried = cases.filter((fields) => !('modelName' in fields))
  const complaints = await complaintsOf(
    tried.map((fields) => argumentsOf({ ...fitting, ...fields })),
    'configure-arguments.py',
  )
  const refused = tried.flatMap((fields, index) => {
    const complaint = complaints[index]
    return complaint === null ? [] : [[fields, complaint] as const]
  })
  expect(complaints).toHaveLength(tried.length)
  expect(refused.map(([fields]) => fields)).toEqual(refusals.map(([fields]) => fields))
  for (const [index, [, complaint]] of refused.entries()) {
    expect(complaint).toMatch(refusals[index]![1])
  }
})

function argumentsOf(fields: object): string[] {
  const manifest = {
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name: 'model' },
    spec: { ...spec, ...fields },
  }
  // The process driver puts host and port behind them.
  return [...vllmArguments(modelSchema.parse(manifest)), '--host', '127.0.0.1', '--port', '8000']
}

async function complaintsOf(
  lists: readonly string[][],
  program = 'parse-arguments.py',
): Promise<(string | null)[]> {
  const script = fileURLToPath(new URL(program, import.meta.url))
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = execFile(python, [script], { env: vllmEnvironment }, (error, stdout, stderr) => {
    if (error) reject(new Error(stderr, { cause: error }))
    else resolve(stdout)
  })
  child.stdin?.end(JSON.stringify(lists))
  const lines = (await promise).split('\n').filter((line) => /^(null|")/.test(line))
  return lines.map((line) => JSON.parse(line) as string | null)
}
