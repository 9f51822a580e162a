import { describe, expect, test } from 'vitest'
import { catalogueModel, commandOf, vllmArguments } from '../../../src/catalogue/index.ts'
import { defaults, model } from './manifest.ts'

describe("vLLM's arguments", () => {
  test('of a manifest with nothing but names', () => {
    expect(vllmArguments(model('a')).join(' ')).toBe(
      'org/a --served-model-name a --tensor-parallel-size 1 --max-model-len 32768' +
        ' --gpu-memory-utilization 0.9 --enable-chunked-prefill --max-num-batched-tokens 4096' +
        ' --max-num-seqs 16 --dtype auto --enable-prefix-caching',
    )
  })

  test('of a manifest that says everything', () => {
    const all = model('a', {
      aliases: ['b', 'c'],
      toolCallParser: 'hermes',
      reasoningParser: 'deepseek_r1',
      tensorParallelSize: 2,
      maxModelLen: 1024,
      gpuMemoryUtilization: 1,
      enableChunkedPrefill: false,
      maxNumBatchedTokens: 2048,
      maxNumSeqs: 8,
      dtype: 'half',
      disableCustomAllReduce: true,
      enablePrefixCaching: false,
      cpuOffloadGB: 4,
      extraArgs: ['--dtype', 'bfloat16'],
    })
    expect(vllmArguments(all).join(' ')).toBe(
      'org/a --served-model-name a b c --tensor-parallel-size 2 --max-model-len 1024' +
        ' --gpu-memory-utilization 1 --no-enable-chunked-prefill --max-num-batched-tokens 2048' +
        ' --max-num-seqs 8 --dtype half --disable-custom-all-reduce --no-enable-prefix-caching' +
        ' --cpu-offload-gb 4 --enable-auto-tool-choice --tool-call-parser hermes' +
        ' --reasoning-parser deepseek_r1 --dtype bfloat16',
    )
  })

  test('defect 7: an empty toolCallParser asks for no tool choice, which vLLM would refuse', () => {
    const args = vllmArguments(model('a', { toolCallParser: '', enableAutoToolChoice: true }))
    expect(args).not.toContain('--enable-auto-tool-choice')
    expect(args).not.toContain('--tool-call-parser')
  })

  test('a parser may be given without automatic choice', () => {
    const args = vllmArguments(
      model('a', { toolCallParser: 'hermes', enableAutoToolChoice: false }),
    )
    expect(args).not.toContain('--enable-auto-tool-choice')
    expect(args.slice(-2)).toEqual(['--tool-call-parser', 'hermes'])
  })

  test('a command is a line or words', () => {
    expect(commandOf(model('a'))).toBeUndefined()
    expect(commandOf(model('a', { command: 'run "a b"' }))).toEqual(['run', 'a b'])
    expect(commandOf(model('a', { command: ['run', 'a b'] }))).toEqual(['run', 'a b'])
  })
})

describe('what the charts know of a model', () => {
  const origin = { source: 'a.yaml', createdAt: 7 }

  test('comes from the manifest, and from the settings where it is silent', () => {
    const entry = catalogueModel(
      model('a', { aliases: ['b'], idleTimeout: '1m' }),
      defaults,
      origin,
    )
    expect(entry).toMatchObject({
      name: 'a',
      aliases: ['b'],
      maxInFlight: 32,
      facts: { name: 'a', idleTimeoutMs: 60_000, startTimeoutMs: 600_000, priority: 0 },
      ...origin,
    })
  })

  test("leases are the manifest's, else the setting's, else twice the sequences", () => {
    const leases = (spec: object, maxInFlight?: number) =>
      catalogueModel(model('a', { ...spec }), { ...defaults, maxInFlight }, origin).maxInFlight
    expect(leases({ maxNumSeqs: 3 })).toBe(6)
    expect(leases({ maxNumSeqs: 3 }, 5)).toBe(5)
    expect(leases({ maxNumSeqs: 3, maxInFlight: 4 }, 5)).toBe(4)
  })
})
