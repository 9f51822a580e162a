import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { describe, expect, it, vi } from 'vitest'
import { ApiFault, type Api } from '../../../../src/drivers/kubernetes/api/index.ts'
import { readPodLogs } from '../../../../src/drivers/kubernetes/pod-logs.ts'
import type { World } from '../../../../src/drivers/kubernetes/world.ts'
import { drive, finish, standStill } from './driving.ts'
import { fakeServer } from './api/fake-server.ts'

vi.mock('node:timers/promises', () => import('./delays.ts'))

const at = (minute: number) => new Date(Date.UTC(2026, 4, 1, 12, minute))

function pod(name: string, status: Partial<V1ContainerStatus>): V1Pod {
  const container = { name: 'vllm', image: '', imageID: '', ready: false, restartCount: 0 }
  return {
    metadata: { name, uid: `uid of ${name}` },
    spec: { containers: [{ name: 'vllm', ports: [{ name: 'http', containerPort: 8000 }] }] },
    status: { containerStatuses: [{ ...container, ...status }] },
  }
}

const running = (minute: number, containerID = 'c1') => ({
  containerID,
  state: { running: { startedAt: at(minute) } },
})

/** A world whose pods the test changes, and an API whose logs it writes. */
function setUp(...pods: V1Pod[]) {
  const calls: string[] = []
  const changes: (() => void)[] = []
  const world = {
    pods: pods as readonly V1Pod[],
    service: undefined,
    change: () => new Promise<void>((resolve) => changes.push(resolve)),
  }
  let follow: () => AsyncIterable<string> = async function* () {}
  const api = {
    podLog: async (
      pod: string,
      { tailLines, previous }: { tailLines: number; previous: boolean },
    ) => {
      calls.push(`${pod} ${tailLines}${previous ? ' previous' : ''}`)
      return [`log of ${pod}`]
    },
    followPodLog: (pod: string, { tailLines }: { tailLines: number }) => {
      calls.push(`${pod} ${tailLines} follow`)
      return follow()
    },
  }
  const leaving = new AbortController()
  return {
    calls,
    world,
    leaving,
    read: (reading: { lines: number; follow: boolean }) =>
      readPodLogs(api as unknown as Api, world as unknown as World, reading, leaving.signal),
    writes: (write: () => AsyncIterable<string>) => {
      follow = write
    },
    change: (...next: V1Pod[]) => {
      world.pods = next
      for (const tell of changes.splice(0)) tell()
    },
  }
}

describe('the log of a backend in a cluster', () => {
  it('is that of the newest run of the container that serves', async () => {
    const { calls, read } = setUp(pod('old', running(1)), pod('new', running(2)))
    expect(await Array.fromAsync(read({ lines: 5, follow: false }))).toEqual(['log of new'])
    expect(calls).toEqual(['new 5'])
  })

  it('is that of the run before while the container waits to be started again', async () => {
    const crashed = {
      lastState: { terminated: { exitCode: 1, startedAt: at(1), containerID: 'c0' } },
    }
    const { calls, read } = setUp(pod('p', { ...crashed, state: { waiting: { reason: 'Crash' } } }))
    await Array.fromAsync(read({ lines: 5, follow: false }))
    expect(calls).toEqual(['p 5 previous'])
  })

  it('is empty while nothing has run', async () => {
    const { calls, read } = setUp(pod('p', { state: { waiting: { reason: 'Pulling' } } }))
    expect(await Array.fromAsync(read({ lines: 5, follow: false }))).toEqual([])
    expect(calls).toEqual([])
  })

  it('goes on with the next run, and where a connection was cut', async () => {
    const { calls, read, writes, change, leaving } = setUp()
    const lines = read({ lines: 5, follow: true })
    const first = lines.next()
    writes(async function* () {
      yield 'loading'
      throw new ApiFault({ code: 0, message: 'the connection broke' })
    })
    change(pod('p', running(1)))
    expect((await first).value).toBe('loading')
    const second = lines.next()
    await new Promise(setImmediate)
    writes(async function* () {
      yield 'loaded'
    })
    change(pod('p', running(1)))
    expect((await second).value).toBe('loaded')
    const third = lines.next()
    await new Promise(setImmediate)
    writes(async function* () {
      yield 'another'
    })
    change(pod('q', running(2, 'c2')))
    expect((await third).value).toBe('another')
    const last = lines.next()
    await new Promise(setImmediate)
    leaving.abort()
    change()
    expect((await last).done).toBe(true)
    expect(calls).toEqual(['p 5 follow', 'p 0 follow', 'q 2000 follow'])
  })

  it('says why it cannot be read', async () => {
    const { read, writes } = setUp(pod('p', running(1)))
    writes(async function* () {
      yield* []
      throw new ApiFault({ code: 403, message: 'pods/log is forbidden' })
    })
    await expect(read({ lines: 5, follow: true }).next()).rejects.toThrow('forbidden')
  })
})

it('a log that is followed comes line by line, whatever the pieces', async () => {
  const { api, asked } = await fakeServer((_, answer) => {
    answer.write('one\r\ntw')
    setImmediate(() => answer.end('o\nLoading 10%\rLoading 99%\nend'))
  })
  const lines = await Array.fromAsync(
    api.followPodLog('vllm-0', { container: 'vllm', tailLines: 7 }),
  )
  expect(lines).toEqual(['one', 'two', 'Loading 99%', 'end'])
  expect(asked[0]?.url.search).toBe('?container=vllm&tailLines=7&follow=true')
})

describe('a driver', () => {
  standStill()

  it('reads the log of the pod that it sees', async () => {
    const { cluster, driver, ensure } = await drive()
    await finish(ensure('a'))
    cluster.scale(1)
    const name = cluster.makePod({ port: 1 }).metadata!.name!
    cluster.logs.set(name, ['loading', 'loaded'])
    const lines = driver.readLog!('vllm', { lines: 9, follow: false }, new AbortController().signal)
    expect(await finish(Array.fromAsync(lines))).toEqual(['loading', 'loaded'])
  })
})
