import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  expectFair,
  mixedTraffic,
  threeOnTwoGpus,
  trafficSeconds,
} from '../integration/serve/mixed-traffic.ts'
import { simulating } from '../integration/serve/models.ts'
import { newFolder } from '../integration/serve/program.ts'
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

  const flags = ['--max-wait', '1s', '--max-in-flight', '8']
  const settings = { maxWaitMs: 1_000, maxInFlight: 8 }
  const clients = { clients: 32, seconds: trafficSeconds, tokens: 60 }
  const timeoutMs = (trafficSeconds + 120) * 1_000

  async function addModels(...names: string[]): Promise<void> {
    for (const name of names) {
      await admin.addModel(name, simulating({ loadTime: '300ms', itl: '5ms' }))
    }
  }

  it(
    'of two models on one GPU is answered rightly, all of it, and nobody is starved',
    async () => {
      await addModels('a', 'b')
      const program = await serveIn(cluster, flags)
      const traffic = { models: ['a', 'b'], ...clients }
      const exchanges = await mixedTraffic(program, traffic)
      expectFair(exchanges, program, traffic, { ...settings, turns: 2 })
      const switches = program.log.all.filter(({ to }) => to === 'switchingModel.unloading')
      expect(switches.length).toBeGreaterThan(0)
    },
    timeoutMs,
  )

  it(
    'of three backends that share two GPUs is so too',
    async () => {
      await addModels('a', 'b', 'c')
      const folder = await newFolder()
      const config = join(folder, 'config.yaml')
      await writeFile(config, JSON.stringify(threeOnTwoGpus))
      const program = await serveIn(cluster, ['--config', config, ...flags])
      const traffic = { models: ['a', 'b', 'c'], ...clients }
      const exchanges = await mixedTraffic(program, traffic)
      expectFair(exchanges, program, traffic, { ...settings, turns: 4 })
      const goneForOthers = program.log.all.filter(({ from }) => from === 'idle.scalingDown')
      expect(goneForOthers.length).toBeGreaterThan(0)
    },
    timeoutMs,
  )
})
