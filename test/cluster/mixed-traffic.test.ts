import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectFair, mixedTraffic, trafficSeconds } from '../integration/serve/mixed-traffic.ts'
import { simulating } from '../integration/serve/models.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { administer, installAround, serveIn } from './program.ts'

describe.skipIf(findBinaries() === undefined)('mixed traffic in a cluster', () => {
  let cluster: Cluster
  let admin: ReturnType<typeof administer>
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  afterEach(() => admin?.clear())

  it(
    'of two models on one GPU is answered rightly, all of it, and nobody is starved',
    async () => {
      const fast = simulating({ loadTime: '300ms', itl: '5ms' })
      await admin.addModel('a', fast)
      await admin.addModel('b', fast)
      const program = await serveIn(cluster, ['--max-wait', '1s', '--max-in-flight', '8'])
      const traffic = { models: ['a', 'b'], clients: 32, seconds: trafficSeconds, tokens: 60 }
      const exchanges = await mixedTraffic(program, traffic)
      expectFair(exchanges, program, traffic, { maxWaitMs: 1_000, maxInFlight: 8 })
      const switches = program.log.all.filter(({ to }) => to === 'switchingModel.unloading')
      expect(switches.length).toBeGreaterThan(0)
    },
    (trafficSeconds + 120) * 1_000,
  )
})
