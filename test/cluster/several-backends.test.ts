import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { administer, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

describe.skipIf(findBinaries() === undefined)('two backends in one cluster', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
  })
  afterAll(() => cluster?.stop())

  it('serve two models at once on the two GPUs, and share no pod', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backends-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const config = join(folder, 'config.yaml')
    await writeFile(
      config,
      'backends:\n  - { name: one, models: [a, c] }\n  - { name: two, deployment: second, models: [b] }\n',
    )
    const admin = administer(cluster)
    for (const model of ['a', 'b', 'c']) await admin.addModel(model)
    cluster.node.misbehave(
      { labels: { app: 'vllm' } },
      { kind: 'simulate', options: { itl: '10ms' } },
    )
    const program = await serveIn(cluster, ['--config', config, '--max-wait', '200ms'])
    const long = stream(program, 'b', 200)
    await long.begun
    for (const model of ['a', 'c', 'a']) {
      expect(await contentOf(await ask(program, model))).toBe(`[${model}] you said: hi`)
    }
    expect(await long.done).toMatchObject({ tokens: 200, finish: 'length' })
    const { items } = await admin.apps.listNamespacedDeployment({ namespace })
    expect(new Set(items.map(({ metadata }) => metadata?.name))).toEqual(new Set(['one', 'second']))
    const pods = await admin.pods()
    const instances = pods.map(({ metadata }) => metadata?.labels?.['app.kubernetes.io/instance'])
    expect(instances).toHaveLength(2)
    expect(new Set(instances)).toEqual(new Set(['one', 'two']))
  })
})
