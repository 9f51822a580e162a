import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { administer, installAround, serveIn } from './program.ts'

const names = ['a', 'b', 'c']

describe.skipIf(findBinaries() === undefined)('three backends on the two GPUs of a cluster', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
  })
  afterAll(() => cluster?.stop())
  afterEach(() => administer(cluster).clear())

  async function serveThree({ pool, flags = [] }: { pool?: number; flags?: string[] }) {
    const folder = await mkdtemp(join(tmpdir(), 'pools-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const config = join(folder, 'config.yaml')
    const backends = names.map((model) => ({
      name: `of-${model}`,
      models: [model],
      ...(pool !== undefined && { pool: 'main' }),
    }))
    const gpuPools = pool === undefined ? {} : { gpuPools: { main: { gpus: pool } } }
    await writeFile(config, JSON.stringify({ backends, ...gpuPools }))
    const admin = administer(cluster)
    for (const model of names) await admin.addModel(model)
    cluster.node.misbehave(
      { labels: { app: 'vllm' } },
      { kind: 'simulate', options: { itl: '10ms' } },
    )
    return await serveIn(cluster, ['--config', config, ...flags])
  }

  it('take turns in a pool: the least recently used that nobody uses makes room', async () => {
    const program = await serveThree({ pool: 2 })
    for (const model of ['a', 'b', 'a', 'c', 'a', 'b']) {
      expect(await contentOf(await ask(program, model))).toBe(`[${model}] you said: hi`)
    }
    const { backends } = await program.status()
    expect(backends.filter(({ state }) => state === 'cold').map(({ name }) => name)).toEqual([
      'of-c',
    ])
  })

  it('drain a busy one after maxWait, cut no stream, and lose nothing', async () => {
    const program = await serveThree({ pool: 2, flags: ['--max-wait', '500ms'] })
    const streams = ['a', 'b'].map((model) => stream(program, model, 300))
    await Promise.all(streams.map(({ begun }) => begun))
    const clients = Array.from({ length: 6 }, async (_, at) => {
      for (let turn = 0; turn < 4; turn++) {
        const { done } = stream(program, names[(at + turn) % 3]!, 10)
        expect(await done).toMatchObject({ tokens: 10, finish: 'length' })
      }
    })
    for (const { done } of streams) expect(await done).toMatchObject({ tokens: 300 })
    await Promise.all(clients)
  }, 120_000)

  it('without a pool: one that nobody uses makes room for a pod that no node has a GPU for', async () => {
    const program = await serveThree({})
    for (const model of ['a', 'b', 'c']) {
      expect(await contentOf(await ask(program, model))).toBe(`[${model}] you said: hi`)
    }
    expect(await program.backend('of-a')).toMatchObject({ state: 'cold' })
    expect((await program.backend('of-c')).failures).toEqual([])
  })
})
