import { expect, test } from 'vitest'
import { parseEngineLoad } from '../../../../src/drivers/engine/engine-load.ts'

const waiting = 'vllm:num_requests_waiting{engine="0",model_name="m"} 5.0'

test('running and waiting are read from what vLLM writes', () => {
  const metrics = [
    '# HELP vllm:num_requests_running Number of requests in model execution batches.',
    '# TYPE vllm:num_requests_running gauge',
    'vllm:num_requests_running{engine="0",model_name="m"} 12.0',
    waiting,
    'vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 100.0',
  ]
  expect(parseEngineLoad(metrics.join('\n'))).toEqual({ running: 12, waiting: 5 })
})

test('the engines of a data-parallel server are summed', () => {
  const metrics = [
    'vllm:num_requests_running{engine="0",model_name="m"} 1.0',
    'vllm:num_requests_running{engine="1",model_name="m"} 2e0 1730000000000',
    waiting,
  ]
  expect(parseEngineLoad(metrics.join('\n'))).toEqual({ running: 3, waiting: 5 })
})

test.each(['a } b', 'quote \\" and }', 'spaces  9'])(
  'a model called %s confuses nothing',
  (name) => {
    const metrics = `vllm:num_requests_running{model_name="${name}"} 4.0\n${waiting}`
    expect(parseEngineLoad(metrics)).toEqual({ running: 4, waiting: 5 })
  },
)

test('metrics without labels count', () => {
  const metrics = 'vllm:num_requests_running 1\nvllm:num_requests_waiting 0'
  expect(parseEngineLoad(metrics)).toEqual({ running: 1, waiting: 0 })
})

test.each([
  ['both are missing', 'python_gc_objects_collected_total 1.0'],
  ['one is missing', waiting],
  ['one is not a number', `vllm:num_requests_running{engine="0"} NaN\n${waiting}`],
])('nothing is known where %s', (_, metrics) => {
  expect(parseEngineLoad(metrics)).toBeUndefined()
})
