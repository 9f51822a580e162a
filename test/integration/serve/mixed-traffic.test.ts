import { expect, test } from 'vitest'
import { expectFair, mixedTraffic, threeOnTwoGpus, trafficSeconds } from './mixed-traffic.ts'
import { startProgram } from './program.ts'

const simulate = '--load-time 300ms --itl 5ms'
const flags = ['--max-wait', '1s', '--max-in-flight', '8']
const settings = { maxWaitMs: 1_000, maxInFlight: 8 }
const clients = { clients: 32, seconds: trafficSeconds, tokens: 60 }
const timeoutMs = (trafficSeconds + 60) * 1_000

// Each simulator locks its GPU, and `startProgram` fails a test in which two met on one.

test(
  'thirty-two clients with mixed streams for two models on one GPU: nothing lost, nothing wrong, nobody starved',
  async () => {
    const program = await startProgram({ simulate, flags })
    const traffic = { models: ['a', 'b'], ...clients }
    const exchanges = await mixedTraffic(program, traffic)
    expectFair(exchanges, program, traffic, { ...settings, turns: 2 })
    expect(program.started().length).toBeGreaterThan(2)
  },
  timeoutMs,
)

test(
  'the same for three backends that share two GPUs',
  async () => {
    const models = { a: {}, b: {}, c: {} }
    const program = await startProgram({ models, simulate, flags, config: threeOnTwoGpus })
    const traffic = { models: ['a', 'b', 'c'], ...clients }
    const exchanges = await mixedTraffic(program, traffic)
    expectFair(exchanges, program, traffic, { ...settings, turns: 4 })
    expect(program.started().length).toBeGreaterThan(3)
  },
  timeoutMs,
)
