import { CoreV1Api, Watch } from '@kubernetes/client-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findBinaries } from './binaries/index.ts'
import { connect, type ControlPlane, eventually, startControlPlane } from './control-plane/index.ts'
import { type ApiFaults, startApiFaults } from './faults/index.ts'

const namespace = 'ai-apps'

describe.skipIf(findBinaries() === undefined)('between a client and the API server', () => {
  let plane: ControlPlane
  let faults: ApiFaults
  let core: CoreV1Api
  beforeAll(async () => {
    plane = await startControlPlane()
  })
  afterAll(() => plane?.stop())
  beforeEach(async () => {
    faults = await startApiFaults(plane, plane.admin)
    core = connect(faults.kubeconfig).makeApiClient(CoreV1Api)
  })
  afterEach(() => faults?.close())

  const read = () => core.readNamespace({ name: namespace })
  const makeConfigMap = (name: string) =>
    plane.client
      .makeApiClient(CoreV1Api)
      .createNamespacedConfigMap({ namespace, body: { metadata: { name } } })

  /** What a watch on ConfigMaps says, and how it ended. */
  const watchConfigMaps = async () => {
    const events: { type: string; name?: string; code?: number }[] = []
    let end: { error: unknown } | undefined
    const controller = await new Watch(connect(faults.kubeconfig)).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      {},
      (type: string, object: { metadata?: { name?: string }; code?: number }) =>
        void events.push({ type, name: object.metadata?.name, code: object.code }),
      (error: unknown) => {
        end = { error }
      },
    )
    const told = (name: string) => events.some((event) => event.name === name)
    return {
      events,
      told,
      hears: (name: string) => eventually(() => told(name), { what: `told of ${name}` }),
      ended: () => eventually(() => end, { what: 'the watch has ended' }),
      stop: () => controller.abort(),
    }
  }

  it('all passes as long as nothing is wrong, and is on record', async () => {
    await expect(read()).resolves.toMatchObject({ metadata: { name: namespace } })
    expect(faults.requests).toMatchObject([
      { method: 'GET', path: '/api/v1/namespaces/ai-apps', isWatch: false },
    ])
  })

  it('a cut breaks what is open, and nothing after it', async () => {
    const watch = await watchConfigMaps()
    await makeConfigMap('before-the-cut')
    await watch.hears('before-the-cut')
    faults.cut()
    expect((await watch.ended()).error).toBeTruthy()
    await expect(read()).resolves.toBeDefined()
  })

  it('a stalled watch stays open, says nothing, and later says what it missed', async () => {
    const watch = await watchConfigMaps()
    const goOn = faults.stallWatches()
    await makeConfigMap('missed')
    await expect(read()).resolves.toBeDefined()
    expect(watch.told('missed')).toBe(false)
    goOn()
    await watch.hears('missed')
    watch.stop()
  })

  it('a stalled connection holds requests back until it goes on', async () => {
    await read()
    const goOn = faults.stall()
    let done = false
    const asked = read().then(() => {
      done = true
    })
    // The API server answers others meanwhile; this one not.
    await plane.client.makeApiClient(CoreV1Api).listNode()
    expect(done).toBe(false)
    goOn()
    await asked
  })

  it.each([410, 429, 500, 503])(
    'a request is answered with %d as often as told',
    async (status) => {
      faults.answer(({ path }) => path.endsWith('/ai-apps'), {
        status,
        times: 1,
        retryAfterSeconds: 1,
      })
      await expect(read()).rejects.toMatchObject({ code: status })
      await expect(read()).resolves.toBeDefined()
    },
  )

  it('an expired watch ends with 410 in an event', async () => {
    const watch = await watchConfigMaps()
    await makeConfigMap('before-the-expiry')
    await watch.hears('before-the-expiry')
    faults.expireWatches()
    await watch.ended()
    expect(watch.events.at(-1)).toMatchObject({ type: 'ERROR', code: 410 })
  })

  it('an answer is lost after the change was made', async () => {
    faults.loseAnswers(({ method }) => method === 'POST', 1)
    const body = { metadata: { name: 'made-in-vain' } }
    await expect(core.createNamespacedConfigMap({ namespace, body })).rejects.toThrow()
    await expect(
      core.readNamespacedConfigMap({ namespace, name: 'made-in-vain' }),
    ).resolves.toBeDefined()
  })

  it('an API server that is away refuses connections, and is back at the same address', async () => {
    const comeBack = await faults.goAway()
    await expect(read()).rejects.toThrow()
    await comeBack()
    await expect(read()).resolves.toBeDefined()
    await faults.beAway(1)
    await expect(read()).resolves.toBeDefined()
  })

  it('the API server itself comes back with the same data', async () => {
    await plane.stopApiServer()
    await expect(read()).rejects.toThrow()
    await plane.startApiServer()
    await expect(read()).resolves.toBeDefined()
  })
})
