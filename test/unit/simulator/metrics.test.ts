import { expect, test } from 'vitest'
import { createMetrics } from '../../../src/simulator/metrics.ts'

const load = { running: 2, waiting: 3, cachedTokens: 32_768, sleepState: 'awake' } as const

test('gauges follow the load', () => {
  const text = createMetrics('m').render(load)
  expect(text).toContain('vllm:num_requests_running{engine="0",model_name="m"} 2.0\n')
  expect(text).toContain('vllm:num_requests_waiting{engine="0",model_name="m"} 3.0\n')
  expect(text).toContain('vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5\n')
})

test('the sleep state is one of three that is 1', () => {
  const text = createMetrics('m').render({ ...load, sleepState: 'discard_all' })
  const states = text.match(/sleep_state="\w+"\} \d/g)
  expect(states).toEqual([
    'sleep_state="awake"} 0',
    'sleep_state="weights_offloaded"} 0',
    'sleep_state="discard_all"} 1',
  ])
})

test('counters and the histogram add up', () => {
  const metrics = createMetrics('m')
  metrics.scheduled(5)
  metrics.scheduled(6)
  metrics.token()
  metrics.firstToken(30)
  metrics.firstToken(3_000)
  metrics.finished('length')
  const text = metrics.render(load)
  expect(text).toContain('vllm:prompt_tokens_total{engine="0",model_name="m"} 11.0\n')
  expect(text).toContain('vllm:generation_tokens_total{engine="0",model_name="m"} 1.0\n')
  expect(text).toContain('model_name="m",finished_reason="length"} 1.0\n')
  expect(text).toContain('seconds_bucket{engine="0",model_name="m",le="0.02"} 0.0\n')
  expect(text).toContain('seconds_bucket{engine="0",model_name="m",le="0.04"} 1.0\n')
  expect(text).toContain('seconds_bucket{engine="0",model_name="m",le="+Inf"} 2.0\n')
  expect(text).toContain('seconds_sum{engine="0",model_name="m"} 3.03\n')
})

test('a model name cannot break the format', () => {
  const text = createMetrics('a"b\\c\nd').render(load)
  expect(text).toContain(String.raw`model_name="a\"b\\c\nd"} 2.0`)
})
