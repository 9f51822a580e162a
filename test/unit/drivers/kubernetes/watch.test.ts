import { describe, expect, it, vi } from 'vitest'
import type { ReplicaLost } from '../../../../machines/index.ts'
import { becomes, restarts } from './cluster/index.ts'
import { drive, eventually, finish, pass, standStill, until } from './driving.ts'
import { startEngine } from './fake-engine.ts'

vi.mock('node:timers/promises', () => import('./delays.ts'))
standStill()

/** A backend that serves `a` and is watched. */
async function watched() {
  const engine = await startEngine('a')
  const driven = await drive()
  const { cluster, driver } = driven
  await finish(driven.ensure('a'))
  cluster.scale(1)
  const pod = cluster.makePod({ port: engine.port }).metadata!.name!
  await finish(driven.start('a'))
  const onLost = vi.fn<(lost: ReplicaLost) => void>()
  const stopWatching = driver.watch('vllm', onLost)
  await pass(1)
  engine.asked.length = 0
  return { ...driven, engine, pod, onLost, stopWatching }
}

describe('a replica that serves', () => {
  it('is lost when its pod is deleted', async () => {
    const { cluster, pod, onLost } = await watched()
    cluster.remove('Pod', pod)
    expect(onLost).toHaveBeenCalledExactlyOnceWith({
      message: 'its pod was deleted',
      replaced: true,
    })
  })

  it('is lost as soon as its pod is to go', async () => {
    const { cluster, pod, onLost } = await watched()
    cluster.podsLeaveSlowly = true
    cluster.deletePod(pod)
    expect(onLost).toHaveBeenCalledExactlyOnceWith({
      message: `pod ${pod} is being deleted`,
      replaced: true,
    })
  })

  it('is lost when another container runs in its pod, and it is said how the one before ended', async () => {
    const { cluster, pod, onLost } = await watched()
    cluster.edit('Pod', pod, restarts)
    expect(onLost).toHaveBeenCalledExactlyOnceWith({
      message: `the container of pod ${pod} ended with exit code 137 (OOMKilled)`,
      replaced: true,
    })
  })

  it('is lost, and not replaced, when nobody wants one any more', async () => {
    const { cluster, pod, onLost } = await watched()
    cluster.scale(0)
    expect(onLost).not.toHaveBeenCalled()
    cluster.remove('Pod', pod)
    expect(onLost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ replaced: false }))
  })

  it('is not lost by whatever else happens to its pod or its Deployment', async () => {
    const { cluster, pod, onLost } = await watched()
    cluster.edit('Pod', pod, ({ metadata }) => {
      metadata!.labels!['more'] = 'label'
    })
    cluster.scale(2)
    cluster.makePod({ ready: false })
    await pass(60_000)
    expect(onLost).not.toHaveBeenCalled()
  })

  it('is lost at once where it is lost already, but not before its watcher can stop', async () => {
    const { cluster, driver, pod, stopWatching } = await watched()
    stopWatching()
    cluster.remove('Pod', pod)
    const onLost = vi.fn()
    driver.watch('vllm', onLost)
    expect(onLost).not.toHaveBeenCalled()
    await pass(0)
    expect(onLost).toHaveBeenCalledWith({ message: 'no ready pod is there', replaced: true })
  })

  it('is lost where another one of them only is not Ready', async () => {
    const { cluster, driver, engine, pod, stopWatching } = await watched()
    stopWatching()
    const second = cluster.makePod({ port: engine.port }).metadata!.name!
    await until(() => engine.asked.includes('/v1/models'))
    await finish(driver.observe('vllm'))
    const onLost = vi.fn()
    driver.watch('vllm', onLost)
    cluster.edit('Pod', pod, becomes('not Ready'))
    await until(() => engine.asked.length > 2)
    cluster.remove('Pod', second)
    expect(onLost).toHaveBeenCalledWith({ message: 'its pod was deleted', replaced: true })
  })

  it('is nobody’s loss once nobody watches', async () => {
    const { cluster, pod, onLost, stopWatching } = await watched()
    stopWatching()
    cluster.remove('Pod', pod)
    await pass(60_000)
    expect(onLost).not.toHaveBeenCalled()
  })

  it('is watched by the last one that asked to', async () => {
    const { cluster, driver, pod, onLost, stopWatching } = await watched()
    const later = vi.fn()
    driver.watch('vllm', later)
    stopWatching()
    cluster.remove('Pod', pod)
    expect(onLost).not.toHaveBeenCalled()
    expect(later).toHaveBeenCalledTimes(1)
  })
})

describe('a replica that is not Ready any more', () => {
  const probes = (engine: { asked: string[] }) =>
    engine.asked.filter((path) => path === '/health').length

  it('is kept as long as it answers', async () => {
    const { cluster, engine, pod, onLost } = await watched()
    cluster.edit('Pod', pod, becomes('not Ready'))
    await eventually(() => probes(engine) === 4)
    expect(onLost).not.toHaveBeenCalled()
  })

  it('is kept where it answers now and then', async () => {
    const { cluster, engine, pod, onLost } = await watched()
    cluster.edit('Pod', pod, becomes('not Ready'))
    for (const round of [1, 2]) {
      engine.isHealthy = false
      await eventually(() => probes(engine) === 3 * round - 1)
      engine.isHealthy = true
      await eventually(() => probes(engine) === 3 * round)
    }
    expect(onLost).not.toHaveBeenCalled()
  })

  it('is lost when it has not answered three times in a row', async () => {
    const { cluster, engine, pod, onLost } = await watched()
    engine.isHealthy = false
    cluster.edit('Pod', pod, becomes('not Ready'))
    await eventually(() => probes(engine) === 2)
    await pass(1_000)
    expect(onLost).not.toHaveBeenCalled()
    await eventually(() => onLost.mock.calls.length > 0)
    expect(probes(engine)).toBe(3)
    expect(onLost).toHaveBeenCalledExactlyOnceWith({
      message: 'the pod is not Ready any more, and does not answer',
      replaced: true,
    })
  })

  it('is asked no more once it is Ready again', async () => {
    const { cluster, engine, pod, onLost } = await watched()
    cluster.edit('Pod', pod, becomes('not Ready'))
    await until(() => probes(engine) === 1)
    cluster.edit('Pod', pod, becomes('Ready'))
    await engine.close()
    await pass(20_000)
    expect(probes(engine)).toBe(1)
    expect(onLost).not.toHaveBeenCalled()
  })

  it('has its three answers anew when it was Ready in between', async () => {
    const { cluster, engine, pod, onLost } = await watched()
    engine.isHealthy = false
    cluster.edit('Pod', pod, becomes('not Ready'))
    await eventually(() => probes(engine) === 2)
    cluster.edit('Pod', pod, becomes('Ready'))
    cluster.edit('Pod', pod, becomes('not Ready'))
    await eventually(() => probes(engine) === 4)
    await pass(1_000)
    expect(onLost).not.toHaveBeenCalled()
    await eventually(() => onLost.mock.calls.length > 0)
    expect(probes(engine)).toBe(5)
  })

  it('is asked by nobody after the driver is closed', async () => {
    const { cluster, driver, engine, pod, onLost } = await watched()
    engine.isHealthy = false
    cluster.edit('Pod', pod, becomes('not Ready'))
    await until(() => probes(engine) === 1)
    await finish(driver.close())
    await pass(60_000)
    expect(probes(engine)).toBe(1)
    expect(onLost).not.toHaveBeenCalled()
  })
})
