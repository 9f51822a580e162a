import { expect, test } from 'vitest'
import { flagName, flags } from '../../../src/simulator/flags.ts'
import { parseSimulatorArguments } from '../../../src/simulator/index.ts'
import { usage } from '../../../src/simulator/usage.ts'

test('the usage text lists every flag', () => {
  for (const key of Object.keys(flags)) expect(usage()).toContain(`  ${flagName(key)} `)
})

test('every example of the usage text is understood', () => {
  const lines = usage()
    .split('\n')
    .filter((line) => line.includes('vllm-chill simulate '))
  const examples = lines.filter((line) => !line.startsWith('Usage'))
  expect(examples.length).toBeGreaterThan(2)
  for (const line of examples) {
    const words = line.slice(line.indexOf('simulate ') + 9).split(' ')
    expect(parseSimulatorArguments(words, {}).servedNames).not.toEqual([])
  }
})
