import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, refusalOf, stream } from '../integration/serve/conversation.ts'
import { enters, says } from '../integration/serve/log-lines.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { administer, installAround, serveIn } from './program.ts'

const pods = { labels: { app: 'vllm' } }

describe.skipIf(findBinaries() === undefined)('two programs at once', () => {
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

  async function two(flags: readonly string[] = []) {
    await admin.addModel('a')
    await admin.addModel('b')
    undo.push(cluster.node.misbehave(pods, { kind: 'simulate', options: { itl: '10ms' } }))
    const leader = await serveIn(cluster, flags)
    await leader.waitForLog(says('leading'))
    const follower = await serveIn(cluster, flags)
    return { leader, follower }
  }

  it('both serve what is warm, and only the one that leads obeys operators', async () => {
    const { leader, follower } = await two()
    expect(await contentOf(await ask(leader, 'a'))).toBe('[a] you said: hi')
    expect(await contentOf(await ask(follower, 'a'))).toBe('[a] you said: hi')
    const refused = await refusalOf(await follower.operate('models/switch', { model_id: 'b' }))
    expect(refused).toMatchObject({ status: 409, code: 'not_leading' })
  })

  it('a switch waits for the streams of the other one', async () => {
    const { leader, follower } = await two(['--max-wait', '100ms'])
    await ask(leader, 'a')
    const long = stream(follower, 'a', 150)
    await long.begun
    const other = ask(leader, 'b')
    expect(await long.done).toMatchObject({ tokens: 150, finish: 'length' })
    expect(await contentOf(await other)).toBe('[b] you said: hi')
    expect(await contentOf(await ask(follower, 'b'))).toBe('[b] you said: hi')
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'one is replaced (%s) with streams running on both: nothing is cut, nothing loaded twice',
    async (signal) => {
      const { leader, follower } = await two()
      await ask(leader, 'a')
      const [before] = await admin.pods()
      const streams = [stream(follower, 'a', 200)]
      if (signal === 'SIGTERM') streams.push(stream(leader, 'a', 200))
      await Promise.all(streams.map(({ begun }) => begun))
      leader.signal(signal)
      for (const each of streams) {
        expect(await each.done).toMatchObject({ tokens: 200, finish: 'length' })
      }
      await leader.exited
      await follower.waitForLog(says('leading'))
      expect(await contentOf(await ask(follower, 'a'))).toBe('[a] you said: hi')
      const [after] = await admin.pods()
      expect(after?.metadata?.uid).toBe(before?.metadata?.uid)
    },
  )

  it('who waits at the follower is answered once that one leads', async () => {
    const { leader, follower } = await two()
    const waiting = ask(follower, 'a')
    await follower.untilBackend((backend) => backend.waiting.length === 1)
    expect(await admin.pods()).toEqual([])
    leader.signal('SIGTERM')
    expect(await contentOf(await waiting)).toBe('[a] you said: hi')
  })

  it('the next one brings an unload to its end that the other had begun', async () => {
    undo.push(cluster.node.misbehave(pods, { kind: 'slow to terminate', ms: 2_000 }))
    const { leader, follower } = await two(['--max-wait', '100ms'])
    await ask(leader, 'a')
    const lost = ask(leader, 'b').catch(() => undefined)
    await leader.waitForLog(enters('switchingModel.unloading'))
    leader.signal('SIGKILL')
    await lost
    expect(await contentOf(await ask(follower, 'b'))).toBe('[b] you said: hi')
  })
})
