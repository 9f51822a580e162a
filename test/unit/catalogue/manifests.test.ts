import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkManifest, parseManifests } from '../../../src/catalogue/index.ts'
import { manifestText, model } from './manifest.ts'

function problemsOf(spec: Record<string, unknown>): string[] {
  return parseManifests(manifestText('a', spec), 'a.yaml').problems.map(({ message }) => message)
}

const valid = `apiVersion: vllm.efortin.github.io/v1alpha1
kind: VLLMModel
metadata: { name: a }
spec:
  modelName: org/a
  servedModelName: a
`

describe('a manifest', () => {
  test('gets the defaults of the original', () => {
    expect(model('a').spec).toEqual({
      modelName: 'org/a',
      servedModelName: 'a',
      aliases: [],
      toolCallParser: '',
      reasoningParser: '',
      tensorParallelSize: 1,
      maxModelLen: 32_768,
      gpuMemoryUtilization: 0.9,
      enableChunkedPrefill: true,
      maxNumBatchedTokens: 4096,
      maxNumSeqs: 16,
      dtype: 'auto',
      disableCustomAllReduce: false,
      enablePrefixCaching: true,
      cpuOffloadGB: 0,
      enableAutoToolChoice: true,
      extraArgs: [],
      env: {},
      priority: 0,
    })
  })

  test('from the cluster keeps nothing of what the API server wrote', () => {
    const { models, problems } = checkManifest(
      {
        ...(JSON.parse(manifestText('a')) as object),
        metadata: { name: 'a', namespace: 'ai', uid: 'x', resourceVersion: '7', managedFields: [] },
        status: { phase: 'Ready' },
      },
      'ai/a',
    )
    expect(problems).toEqual([])
    expect(models[0]?.model.metadata).toEqual({ name: 'a', namespace: 'ai' })
    expect(models[0]?.model).not.toHaveProperty('status')
  })

  test.each<[string, Record<string, unknown>]>([
    ['defect 7: an integer gpuMemoryUtilization', { gpuMemoryUtilization: 1 }],
    ['defect 7: an empty toolCallParser', { toolCallParser: '' }],
    ['the smallest context', { maxModelLen: 512 }],
    ['durations', { idleTimeout: '1h30m', startTimeout: '1ms' }],
    ['a command as a line', { command: 'vllm-chill simulate' }],
    ['a command as words', { command: ['vllm', 'serve'] }],
  ])('%s is valid', (_, spec) => {
    expect(problemsOf(spec)).toEqual([])
    expect(model('a', spec).spec).toMatchObject(spec)
  })

  test.each<[Record<string, unknown>, string]>([
    [{ maxModelLenght: 1 }, 'spec.maxModelLenght: unknown field; did you mean maxModelLen?'],
    [{ maxModelLen: 12 }, 'spec.maxModelLen: 12 is too small; at least 512 is allowed'],
    [{ maxModelLen: '32k' }, 'spec.maxModelLen: "32k" is not a number'],
    [{ maxModelLen: 600.5 }, 'spec.maxModelLen: 600.5 is not a whole number'],
    [
      { gpuMemoryUtilization: 90 },
      'spec.gpuMemoryUtilization: 90 is too large; at most 1 is allowed',
    ],
    [
      { gpuMemoryUtilization: '0.9' },
      'spec.gpuMemoryUtilization: "0.9" is not a number; remove the quotes',
    ],
    [
      { dtype: 'fp16' },
      'spec.dtype: "fp16" is not one of auto, half, float16, bfloat16, float, float32',
    ],
    [
      { reasoningParser: 'deepseek-r1' },
      'spec.reasoningParser: "deepseek-r1" is not one of "" (none), deepseek_r1; did you mean deepseek_r1?',
    ],
    [{ enablePrefixCaching: 'yes' }, 'spec.enablePrefixCaching: "yes" is not true or false'],
    [{ modelName: undefined }, 'spec.modelName: is missing'],
    [
      { servedModelName: '--port' },
      'spec.servedModelName: "--port" must not be empty, begin with a dash or end with a blank',
    ],
    [{ aliases: 'b' }, 'spec.aliases: "b" is not a list'],
    [{ aliases: ['b', 7] }, 'spec.aliases[1]: 7 is not text; put it in quotes: "7"'],
    [{ aliases: ['b', 'a'] }, 'spec.aliases[1]: a is already a name of this model'],
    [{ aliases: ['b', 'b'] }, 'spec.aliases[1]: b is already a name of this model'],
    [{ env: { TOKEN: 271828 } }, 'spec.env.TOKEN: is not text; put it in quotes'],
    [{ env: { 'A-B': '1' } }, 'spec.env.A-B: the name must be a name such as HF_HOME'],
    [{ env: [{ name: 'HF_TOKEN', value: 'hf_x' }] }, 'spec.env: is not a map'],
    [{ env: 'HF_TOKEN=hf_x' }, 'spec.env: is not a map'],
    [{ extraArgs: '--api-key sk-x' }, 'spec.extraArgs: is not a list'],
    [{ extraArgs: ['--api-key', 42] }, 'spec.extraArgs[1]: is not text; put it in quotes'],
    [{ podTemplate: 'sk-x' }, 'spec.podTemplate: is not a map'],
    [
      { idleTimeout: '5' },
      'spec.idleTimeout: "5" must be a duration with its units, such as 30s, 5m or 1h30m, or "0"',
    ],
    [{ idleTimeout: '600h' }, 'spec.idleTimeout: "600h" must be at most 576h'],
    [{ startTimeout: '0' }, 'spec.startTimeout: "0" must be more than 0'],
    [{ idleTimeout: 0 }, 'spec.idleTimeout: 0 is not text; put it in quotes: "0"'],
    [{ maxInFlight: 0 }, 'spec.maxInFlight: 0 is too small; at least 1 is allowed'],
    [{ command: 5 }, 'spec.command: is neither text nor a list'],
    [{ command: [] }, 'spec.command: must not be empty'],
    [{ command: ['a', 1] }, 'spec.command: is not text; put it in quotes'],
    [
      { command: 'env HF_TOKEN=hf_x "run' },
      'spec.command: must be a command with every quote closed',
    ],
  ])('%j is told as "%s"', (spec, message) => {
    expect(problemsOf(spec)).toEqual([message])
  })

  test('has all its problems told at once', () => {
    expect(problemsOf({ maxNumSeqs: 0, dtype: 'x', foo: 1 })).toHaveLength(3)
  })
})

describe('the head of a document', () => {
  test('of another version, or with a kind that is nearly right, is told', () => {
    const messages = (text: string) =>
      parseManifests(text, 'a.yaml').problems.map(({ message }) => message)
    expect(messages(valid.replace('v1alpha1', 'v2'))).toEqual([
      'apiVersion: "vllm.efortin.github.io/v2" is not known here; expected vllm.efortin.github.io/v1alpha1',
    ])
    expect(messages(valid.replace('VLLMModel', 'VllmModel'))).toEqual([
      'kind: "VllmModel" is not known here; expected VLLMModel',
    ])
    expect(messages(valid.replace('kind: VLLMModel\n', ''))).toEqual([
      'kind: is missing; expected VLLMModel',
    ])
    expect(messages(valid.replace('{ name: a }', '{}'))).toEqual(['metadata.name: is missing'])
  })

  test('with a field of spec beside spec, or none that we know, is told', () => {
    expect(parseManifests(`${valid}maxModelLen: 600\nmetdata: {}\n`, 'a.yaml').problems).toEqual([
      { source: 'a.yaml, line 7', message: 'maxModelLen: unknown field; it belongs below spec' },
      { source: 'a.yaml, line 8', message: 'metdata: unknown field; did you mean metadata?' },
    ])
  })

  test('of another kind is no problem', () => {
    const { models, problems, skipped } = parseManifests(
      'kind: ConfigMap\n---\nport: 80\n',
      'a.yaml',
    )
    expect({ models, problems }).toEqual({ models: [], problems: [] })
    expect(skipped.map(({ source, message }) => `${source} ${message}`)).toEqual([
      'a.yaml, document 1 is a ConfigMap, not a VLLMModel',
      'a.yaml, document 2 has no kind; is not a VLLMModel',
    ])
  })
})

describe('a file', () => {
  test('may hold anything at all', () => {
    const pieces = [
      'kind: VLLMModel\n',
      valid,
      '---\n',
      '&x ',
      '*x',
      '!!map ',
      '<<: ',
      '? ',
      '"',
      '- ',
    ]
    const scraps = fc
      .array(fc.constantFrom(...pieces, ...'[]{}:|>#%\t\n a'.split('')))
      .map((all) => all.join(''))
    fc.assert(
      fc.property(fc.oneof(scraps, fc.json(), fc.string()), (text) => {
        const { models, problems, skipped } = parseManifests(text, 'a.yaml')
        expect(models.length + problems.length + skipped.length).toBeGreaterThan(0)
      }),
      { numRuns: 1000 },
    )
  })

  test('may hold many documents, and lists; each problem names document and line', () => {
    const list = `kind: List\nitems:\n- ${manifestText('b')}\n- ${manifestText('c', { maxNumSeqs: 0 })}\n`
    const { models, problems } = parseManifests(`---\n${valid}---\n${list}---\n`, 'all.yaml')
    expect(models.map(({ model, source }) => [model.metadata.name, source])).toEqual([
      ['a', 'all.yaml, document 1'],
      ['b', 'all.yaml, document 2, item 1'],
    ])
    expect(problems).toEqual([
      {
        source: 'all.yaml, document 2, item 2, line 12',
        message: 'spec.maxNumSeqs: 0 is too small; at least 1 is allowed',
      },
    ])
  })

  test('that is not YAML, empty, or no manifest is told, without throwing', () => {
    const first = (text: string) => parseManifests(text, 'a.yaml').problems[0]?.message
    expect(first('spec: [')).toMatch(/^is not valid YAML: .* at line 1/)
    expect(first('')).toBe('is empty; to remove its models, delete the file')
    expect(first('# nothing\n')).toBe('is empty; to remove its models, delete the file')
    expect(first('- a')).toBe('is not a manifest; expected a map with kind: VLLMModel')
    expect(first('a: *nope')).toMatch(/nope/)
  })

  test('that breaks in one document has its sound ones all the same', () => {
    const { models, problems } = parseManifests(`${valid}---\nspec: [\n`, 'a.yaml')
    expect(models).toHaveLength(1)
    expect(problems[0]?.source).toBe('a.yaml, document 2')
  })
})
