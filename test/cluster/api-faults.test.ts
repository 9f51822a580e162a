import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { enters } from '../integration/serve/log-lines.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { type ApiFaults, startApiFaults } from './faults/index.ts'
import { administer, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

const pods = { labels: { app: 'vllm' } }
/** Every fault in every state; else each fault once, and each state at least once. */
const isWhole = process.env['CLUSTER_ALL'] === '1'
/** Longer than a lease may go without being renewed. */
const longAway = isWhole ? 60 : 12

describe.skipIf(findBinaries() === undefined)('an API server in trouble', () => {
  let cluster: Cluster
  let faults: ApiFaults
  let admin: ReturnType<typeof administer>
  const undo: (() => void)[] = []
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  beforeEach(async () => {
    faults = await startApiFaults(cluster.plane, cluster.plane.serviceAccount(namespace))
  })
  afterEach(async () => {
    for (const each of undo.splice(0)) each()
    await faults?.close()
    await admin?.clear()
  })

  const kinds: Record<string, () => Promise<void> | void> = {
    'cuts all connections': () => faults.cut(),
    'expires its watches': () => faults.expireWatches(),
    'stalls its watches': () => {
      const goOn = faults.stallWatches()
      setTimeout(goOn, 3_000)
    },
    'answers 429': () => {
      faults.answer(() => true, { status: 429, times: 5, retryAfterSeconds: 1 })
    },
    'answers 500': () => {
      faults.answer(() => true, { status: 500, times: 5 })
    },
    'is away': () => faults.beAway(longAway * 1_000),
  }

  const moments: Record<
    string,
    { flags?: string[]; reach: (at: { url: string }) => Promise<unknown> }
  > = {
    scalingUp: { reach: async () => {} },
    ready: { reach: (program) => ask(program, 'a') },
    'switchingModel.unloading': {
      reach: async (program) => {
        await ask(program, 'b')
      },
    },
    'idle.scalingDown': {
      flags: ['--idle-timeout', '300ms'],
      reach: (program) => ask(program, 'a'),
    },
  }

  const states = Object.keys(moments)
  const cases = Object.keys(kinds).flatMap((kind, i) =>
    (isWhole ? states : [states[i % states.length]!]).map((state) => [kind, state] as const),
  )
  it.each(cases)(
    'that %s in %s: who waits is answered, and nothing is left wrong',
    { timeout: 240_000 },
    async (kind, state) => {
      const { flags = [], reach } = moments[state]!
      await admin.addModel('a')
      await admin.addModel('b')
      undo.push(
        cluster.node.misbehave(pods, { kind: 'simulate', options: { 'load-time': '500ms' } }),
        cluster.node.misbehave(pods, { kind: 'slow to terminate', ms: 500 }),
      )
      const program = await serveIn(cluster, flags, faults.kubeconfig)
      await reach(program)
      const asked = ask(program, 'a')
      await program.waitForLog(enters(state))
      const trouble = Promise.resolve(kinds[kind]!())
      expect(await contentOf(await asked)).toBe('[a] you said: hi')
      expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
      await trouble
      const stopped = async () => (await program.operate('operations/stop')).ok
      await eventually(stopped, { what: 'it is told to stop' })
      await admin.untilPods('none is left', (all) => all.length === 0)
      expect((await admin.deployment())?.spec?.replicas ?? 0).toBe(0)
    },
  )

  it('away for a minute cuts no stream and stops no warm request', async () => {
    await admin.addModel('a')
    undo.push(cluster.node.misbehave(pods, { kind: 'simulate', options: { itl: '100ms' } }))
    const program = await serveIn(cluster, [], faults.kubeconfig)
    const long = stream(program, 'a', 250)
    await long.begun
    const comeBack = await faults.goAway()
    await program.waitForLog(({ msg }) => msg.includes('not leading any more'))
    expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
    await comeBack()
    expect(await long.done).toMatchObject({ tokens: 250, finish: 'length' })
    await program.waitForLog(({ msg }) => msg.startsWith('leading'))
  })
})
