import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { enters } from '../integration/serve/log-lines.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { administer, installAround, serveIn } from './program.ts'

/** Each state with both; else each state with one of them. */
const isWhole = process.env['CLUSTER_ALL'] === '1'
const pods = { labels: { app: 'vllm' } }

describe.skipIf(findBinaries() === undefined)('the end of the program', () => {
  let cluster: Cluster
  let admin: ReturnType<typeof administer>
  const undo: (() => void)[] = []
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  afterEach(async () => {
    for (const each of undo.splice(0)) each()
    await admin?.clear()
  })

  /** The state in which it ends, and how it gets there. */
  const states: Record<string, (url: { url: string }) => Promise<unknown>> = {
    creatingResources: async (program) => void ask(program, 'a').catch(() => {}),
    scalingUp: async (program) => void ask(program, 'a').catch(() => {}),
    ready: (program) => ask(program, 'a'),
    'switchingModel.unloading': async (program) => {
      await ask(program, 'a')
      void ask(program, 'b').catch(() => {})
    },
    'idle.scalingDown': (program) => ask(program, 'a'),
  }

  const signals = ['SIGKILL', 'SIGTERM'] as const
  const cases = Object.keys(states).flatMap((state, i) =>
    (isWhole ? signals : [signals[i % 2]!]).map((signal) => [signal, state] as const),
  )
  it.each(cases)('by %s in %s leaves nothing wrong for the next one', async (signal, state) => {
    await admin.addModel('a')
    await admin.addModel('b')
    undo.push(
      cluster.node.misbehave(pods, { kind: 'simulate', options: { 'load-time': '700ms' } }),
      cluster.node.misbehave(pods, { kind: 'slow to terminate', ms: 700 }),
    )
    const flags = state === 'idle.scalingDown' ? ['--idle-timeout', '300ms'] : []
    const first = await serveIn(cluster, flags)
    await states[state]!(first)
    await first.waitForLog(enters(state))
    first.signal(signal)
    await first.exited

    const second = await serveIn(cluster, ['--idle-timeout', '1s'])
    for (const model of ['a', 'b']) {
      expect(await contentOf(await ask(second, model))).toBe(`[${model}] you said: hi`)
    }
    await admin.untilPods('none is left', (all) => all.length === 0)
    await eventually(async () => (await admin.deployment())?.spec?.replicas === 0, {
      what: 'the Deployment has no replica',
    })
  })

  it('lets streams end after SIGTERM, and vLLM stays up for the next program', async () => {
    await admin.addModel('a')
    undo.push(cluster.node.misbehave(pods, { kind: 'simulate', options: { itl: '10ms' } }))
    const first = await serveIn(cluster)
    const long = stream(first, 'a', 100)
    await long.begun
    first.signal('SIGTERM')
    expect(await long.done).toMatchObject({ tokens: 100, finish: 'length' })
    expect(await first.exited).toEqual({ code: 0, signal: null })
    expect(await admin.pods()).toHaveLength(1)
  })
})
