import { expect, test } from 'vitest'
import { expectFair, mixedTraffic, trafficSeconds } from './mixed-traffic.ts'
import { startProgram } from './program.ts'

test(
  'thirty-two clients with mixed streams for two models on one GPU: nothing lost, nothing wrong, nobody starved',
  async () => {
    const settings = { maxWaitMs: 1_000, maxInFlight: 8 }
    const program = await startProgram({
      simulate: '--load-time 300ms --itl 5ms',
      flags: ['--max-wait', '1s', '--max-in-flight', '8'],
    })
    const traffic = { models: ['a', 'b'], clients: 32, seconds: trafficSeconds, tokens: 60 }
    const exchanges = await mixedTraffic(program, traffic)
    expectFair(exchanges, program, traffic, settings)
    expect(program.started().length).toBeGreaterThan(2)
  },
  (trafficSeconds + 60) * 1_000,
)
