import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf } from '../integration/serve/conversation.ts'
import type { Serving } from '../integration/serve/program.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { startApiFaults } from './faults/index.ts'
import { administer, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

const isWhole = process.env['CLUSTER_ALL'] === '1'
const models = ['a', 'b', 'c']
/** Refusals that a client may meet while things are broken on purpose; each has its reason. */
const allowed = new Set([
  'error model_failed',
  'error model_loading',
  'error backend_died',
  'error backend_unreachable',
])

/** Always the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe.skipIf(findBinaries() === undefined)('random traffic and faults', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
  })
  afterAll(() => cluster?.stop())

  it.each(isWhole ? [1, 2, 3, 4, 5] : [1])(
    'leave nothing behind and answer nobody wrongly (seed %d)',
    { timeout: 240_000 },
    async (seed) => {
      const random = randomFrom(seed)
      const admin = administer(cluster)
      const faults = await startApiFaults(cluster.plane, cluster.plane.serviceAccount(namespace))
      for (const model of models) await admin.addModel(model)
      const program = await serveIn(
        cluster,
        ['--idle-timeout', '400ms', '--max-wait', '300ms', '--drain-deadline', '5s'],
        faults.kubeconfig,
      )
      const pods = { labels: { app: 'vllm' } }
      const troubles: (() => unknown)[] = [
        () => faults.cut(),
        () => faults.expireWatches(),
        () => faults.answer(() => true, { status: 500, times: 3 }),
        () => cluster.node.kill(pods),
        () => admin.scale(0).catch(() => undefined),
        () => admin.scale(1).catch(() => undefined),
        async () => {
          const [pod] = await admin.pods()
          const name = pod?.metadata?.name
          if (name) await admin.core.deleteNamespacedPod({ namespace, name }).catch(() => undefined)
        },
        () => program.operate('operations/stop').catch(() => undefined),
      ]
      const told: [string, string][] = []
      for (let step = 0; step < 30; step++) {
        await Promise.all(
          Array.from({ length: 1 + random(4) }, async () => {
            const model = models[random(models.length)]!
            told.push([model, await contentOf(await ask(program, model))])
          }),
        )
        if (random(3) === 0) await troubles[random(troubles.length)]!()
      }
      const wrong = told.filter(
        ([model, content]) => content !== `[${model}] you said: hi` && !allowed.has(content),
      )
      expect(wrong).toEqual([])
      expect(told.filter(([, content]) => content.startsWith('[')).length).toBeGreaterThan(20)
      await untilAtRest(program)
      await admin.untilPods('none is left', (all) => all.length === 0)
      await eventually(async () => ((await admin.deployment())?.spec?.replicas ?? 0) === 0, {
        what: 'the Deployment has no replica',
      })
      const { items } = await admin.apps.listNamespacedDeployment({ namespace })
      expect(items.map(({ metadata }) => metadata?.name)).toEqual(['vllm'])
      await faults.close()
      await admin.clear()
    },
  )
})

async function untilAtRest(program: Serving): Promise<void> {
  await program.untilBackend(({ state, leases, waiting }) => {
    return state === 'cold' && leases === 0 && waiting.length === 0
  })
}
