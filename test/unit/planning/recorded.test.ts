import { expect, it } from 'vitest'
import { simulate } from '../../../src/planning/index.ts'
import { recordedWorkload } from '../../bench/policy/recorded.ts'

it('the bench plays a recorded trace too, with the models that it names', async () => {
  const path = new URL('../../../examples/traces/office-day.jsonl', import.meta.url).pathname
  const workload = await recordedWorkload(path)
  expect(Object.keys(workload.loadMs)).toEqual(['deepseek-r1-fp8', 'qwen3-coder-30b-fp8'])
  const { waits, violations, loads } = await simulate(workload, 'fair')
  expect(waits).toHaveLength(workload.arrivals.length)
  expect(loads).toBeGreaterThan(1)
  expect(violations).toEqual([])
})
