import type { V1Container, V1Deployment } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { cannotExpress } from '../../../../../src/drivers/kubernetes/index.ts'
import { manifest, place } from './place.ts'

const keys = ['MODEL_NAME', 'SERVED_MODEL_NAME', 'MAX_MODEL_LEN', 'DTYPE']
const variables = keys.map((key) => ({
  name: key,
  valueFrom: { configMapKeyRef: { name: 'vllm-config', key } },
}))

function why(container: Partial<V1Container>, spec: object = {}, pod = {}): string | undefined {
  const live: V1Deployment = {
    spec: {
      selector: {},
      template: { spec: { containers: [{ name: 'main', env: variables, ...container }] } },
    },
  }
  return cannotExpress(live, place({ pod }), manifest({ ...spec }))
}

const names = '$(MODEL_NAME) --served-model-name $(SERVED_MODEL_NAME)'.split(' ')
const inShell = (line: string) => ({ command: ['sh', '-c', line] })

describe('an existing Deployment whose variables', () => {
  it.each<[string, Partial<V1Container>]>([
    ['stand in its arguments', { args: [...names, '--dtype=$(DTYPE)'] }],
    [
      'are put in by a shell',
      inShell('vllm serve $MODEL_NAME ${SERVED_MODEL_NAME} ${DTYPE:+-d $DTYPE}'),
    ],
    ['are read by a program of its image', { command: ['/start.sh'] }],
    ['are read by what its image starts', {}],
    [
      'all come from the ConfigMap',
      {
        ...inShell('vllm serve $M_MODEL_NAME $M_SERVED_MODEL_NAME $M_DTYPE'),
        env: [],
        envFrom: [{ prefix: 'M_', configMapRef: { name: 'vllm-config' } }],
      },
    ],
  ])('%s can turn to another model', (_, container) => {
    expect(why(container, { dtype: 'half' })).toBeUndefined()
  })

  it.each<[string, Partial<V1Container>, string]>([
    ['are there, and one of them is not used', { args: names }, 'does not read DTYPE, which'],
    [
      'have names that only begin alike',
      inShell('vllm serve $MODEL_NAME $SERVED_MODEL_NAME $DTYPES'),
      'does not read DTYPE, which',
    ],
    [
      'are there, and its model is a word',
      { args: ['--model', 'org/theirs'] },
      'no container of it reads',
    ],
    [
      'are those of another ConfigMap',
      { env: [], envFrom: [{ configMapRef: { name: 'other' } }] },
      'no container of it reads',
    ],
  ])('%s cannot: %s', (_, container, message) => {
    expect(why(container, { dtype: 'half' })).toContain(message)
  })
})

describe('the GPUs of an existing Deployment', () => {
  const limits = (count?: string): Partial<V1Container> =>
    count === undefined ? {} : { resources: { limits: { 'nvidia.com/gpu': count } } }

  it.each<[string | undefined, object, object]>([
    ['1', {}, {}],
    ['2', {}, {}],
    ['2', {}, { gpuCount: 4 }],
    [undefined, {}, {}],
    ['1', { gpuCount: 0 }, {}],
  ])('%s, do for %j, whatever pods of ours have (%j)', (count, spec, pod) => {
    const env = { env: [], envFrom: [{ configMapRef: { name: 'vllm-config' } }] }
    expect(why({ ...limits(count), ...env }, spec, pod)).toBeUndefined()
  })

  it.each<[string | undefined, object]>([
    ['1', { tensorParallelSize: 2 }],
    [undefined, { tensorParallelSize: 2 }],
    ['1', { gpuCount: 2 }],
  ])('%s, are too few for %j', (count, spec) => {
    const has = count ?? '0'
    expect(why(limits(count), spec)).toContain(`has ${has} nvidia.com/gpu, the model wants 2`)
  })
})
