import { expect, test } from 'vitest'
import {
  childEnvironment,
  type ChildEnvironmentInput,
} from '../../../../src/drivers/process/environment.ts'

const plan = { arguments: [], env: {}, revision: 'r', maxInFlight: 1, servedNames: [] }

function environmentOf(input: Partial<ChildEnvironmentInput>): Record<string, string> {
  return childEnvironment({ own: {}, backend: { command: [] }, plan, marker: 'mark', ...input })
}

test("the model's variables go before the backend's, and those before the program's", () => {
  const environment = environmentOf({
    own: { A: 'program', B: 'program', C: 'program' },
    backend: { command: [], env: { B: 'backend', C: 'backend' } },
    plan: { ...plan, env: { C: 'model' } },
  })
  expect(environment).toMatchObject({ A: 'program', B: 'backend', C: 'model' })
})

test('no model moves to other GPUs or changes the key', () => {
  const environment = environmentOf({
    backend: { command: [], gpus: '1' },
    plan: { ...plan, env: { CUDA_VISIBLE_DEVICES: '0', VLLM_API_KEY: 'own' } },
    backendApiKey: 'configured',
  })
  expect(environment).toMatchObject({ CUDA_VISIBLE_DEVICES: '1', VLLM_API_KEY: 'configured' })
})

test("without GPUs and key the program's own pass through", () => {
  const own = { CUDA_VISIBLE_DEVICES: '3', VLLM_API_KEY: 'own' }
  expect(environmentOf({ own })).toMatchObject(own)
})

test('what is meant for the proxy stays with it, unless a backend asks for it by name', () => {
  const own = { VLLM_CHILL_API_KEYS: 'secret', VLLM_PORT: '80', VLLM_TARGET: 'vllm-svc' }
  expect(Object.keys(environmentOf({ own })).sort()).toEqual(['SPT_NOENV', 'VLLM_CHILL_BACKEND_ID'])
  const backend = { command: [], env: { VLLM_PORT: '29500' } }
  expect(environmentOf({ own, backend })).toHaveProperty('VLLM_PORT', '29500')
})

test('a marker that the program has inherited does not reach its backends', () => {
  const own = { VLLM_CHILL_BACKEND_ID: 'of-an-outer-vllm-chill' }
  expect(environmentOf({ own })).toHaveProperty('VLLM_CHILL_BACKEND_ID', 'mark')
})
