import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { FollowOptions } from '../../../../../src/drivers/kubernetes/api/index.ts'
import { fakeServer, pod, podList, reply, type Asked } from './fake-server.ts'

/** Watches that the test speaks through, and lists that it changes. */
async function following(options: FollowOptions = {}) {
  const state = { list: podList(10, pod('a', 5)), listStatus: 200, watchStatus: 200, refusal: {} }
  const watches: { asked: Asked; answer: ServerResponse }[] = []
  const lists: Asked[] = []
  const refusals: Asked[] = []
  const fake = await fakeServer((asked, answer) => {
    if (asked.url.searchParams.get('watch') !== 'true') {
      lists.push(asked)
      reply(answer, state.listStatus, state.list)
      return
    }
    if (state.watchStatus !== 200) {
      refusals.push(asked)
      return reply(answer, state.watchStatus, {}, state.refusal)
    }
    answer.writeHead(200)
    answer.flushHeaders()
    watches.push({ asked, answer })
    const forSeconds = Number(asked.url.searchParams.get('timeoutSeconds'))
    setTimeout(() => answer.end(), forSeconds * 1_000).unref()
  })
  const seen: string[][] = []
  const follower = fake.api.follow('Pod', { labelSelector: 'app=vllm', ...options }, (objects) => {
    seen.push([...objects.keys()])
  })
  await follower.synced
  await vi.waitFor(() => expect(watches).toHaveLength(1))
  return {
    ...fake,
    state,
    watches,
    lists,
    refusals,
    seen,
    follower,
    tell: (type: string, object: object) =>
      watches.at(-1)!.answer.write(`${JSON.stringify({ type, object })}\n`),
  }
}

const names = (objects: ReadonlyMap<string, unknown>) => [...objects.keys()]

describe('a follower', () => {
  it('lists, watches from there, and tells all of it after each change', async () => {
    const { follower, watches, seen, tell } = await following()
    expect(watches[0]?.asked.url.searchParams.get('resourceVersion')).toBe('10')
    expect(watches[0]?.asked.url.searchParams.get('labelSelector')).toBe('app=vllm')
    tell('ADDED', pod('b', 11))
    await vi.waitFor(() => expect(names(follower.objects)).toEqual(['a', 'b']))
    tell('DELETED', pod('a', 12))
    await vi.waitFor(() => expect(seen).toEqual([['a'], ['a', 'b'], ['b']]))
    follower.close()
  })

  it.each([
    ['cut', (answer: ServerResponse) => answer.destroy()],
    [
      'ended with 410',
      (answer: ServerResponse) =>
        answer.end(
          `${JSON.stringify({ type: 'ERROR', object: { code: 410, message: 'too old' } })}\n`,
        ),
    ],
    ['garbled', (answer: ServerResponse) => answer.write('{"type":\n')],
  ])('goes on when its watch is %s', async (_, breakIt) => {
    const { follower, watches, state, tell } = await following()
    state.list = podList(20, pod('c', 15))
    breakIt(watches[0]!.answer)
    await vi.waitFor(() => expect(watches).toHaveLength(2), 5_000)
    expect(names(follower.objects)).toEqual(['c'])
    tell('ADDED', pod('d', 21))
    await vi.waitFor(() => expect(names(follower.objects)).toEqual(['c', 'd']))
    expect(follower.trouble).toBeUndefined()
    follower.close()
  })

  it('says once in words what is wrong, keeps what it knows, and comes back by itself', async () => {
    const { follower, watches, state, told } = await following()
    state.listStatus = 500
    watches[0]!.answer.destroy()
    await vi.waitFor(() => expect(follower.trouble).toContain('pods in ai'), 5_000)
    expect(names(follower.objects)).toEqual(['a'])
    state.listStatus = 200
    await vi.waitFor(() => expect(watches).toHaveLength(2), 10_000)
    await vi.waitFor(() => expect(follower.trouble).toBeUndefined())
    expect(told.warn).toHaveBeenCalledTimes(1)
    expect(told.info).toHaveBeenCalledTimes(1)
    follower.close()
  })

  it('does not run hot when each watch ends at once', async () => {
    const { follower, watches, asked } = await following()
    const begun = performance.now()
    const before = asked.length
    const endAll = setInterval(() => {
      for (const { answer } of watches) answer.end()
    }, 1)
    await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThan(1_500), 5_000)
    clearInterval(endAll)
    expect(asked.length - before).toBeLessThan(12)
    follower.close()
  })

  it('survives a listener that throws', async () => {
    const { api, told } = await fakeServer((asked, answer) => {
      if (asked.url.searchParams.get('watch')) answer.writeHead(200).flushHeaders()
      else reply(answer, 200, podList(1, pod('a', 1)))
    })
    const follower = api.follow('Pod', {}, () => {
      throw new Error('mine')
    })
    await follower.synced
    expect(told.error).toHaveBeenCalledOnce()
    follower.close()
  })

  it('takes no list that is older than what a watch has told', async () => {
    const { follower, tell, state } = await following()
    tell('ADDED', pod('b', 30))
    await vi.waitFor(() => expect(names(follower.objects)).toEqual(['a', 'b']))
    state.list = podList(20, pod('a', 5))
    await follower.refresh()
    expect(names(follower.objects)).toEqual(['a', 'b'])
    state.list = podList(40, pod('z', 35))
    await follower.refresh()
    expect(names(follower.objects)).toEqual(['z'])
    // What the list has in it already is told once more by the watch, and is old.
    tell('ADDED', pod('y', 36))
    tell('ADDED', pod('x', 41))
    await vi.waitFor(() => expect(names(follower.objects)).toEqual(['z', 'x']))
    follower.close()
  })

  it('goes on from where it was when a watch has ended in its usual way', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const { follower, watches, lists, tell } = await following()
    tell('BOOKMARK', pod('', 25))
    tell('ADDED', pod('b', 26))
    await vi.waitFor(() => expect(names(follower.objects)).toEqual(['a', 'b']))
    vi.advanceTimersByTime(2_000)
    watches[0]!.answer.end()
    await vi.waitFor(() => expect(watches).toHaveLength(2))
    expect(watches[1]?.asked.url.searchParams.get('resourceVersion')).toBe('26')
    expect(lists).toHaveLength(1)
    follower.close()
  })

  it('begins anew when its watch is silent for too long, and says why', async () => {
    const { follower, watches, state, told } = await following({ silenceMs: 50 })
    state.list = podList(20, pod('c', 15))
    await vi.waitFor(() => expect(watches.length).toBeGreaterThan(1), 5_000)
    expect(names(follower.objects)).toEqual(['c'])
    expect(told.warn.mock.calls[0]?.[1]).toContain('the watch went silent')
    follower.close()
  })

  it('is content with bookmarks', async () => {
    const { follower, watches, told, tell } = await following({ silenceMs: 300 })
    let version = 100
    const bookmarks = setInterval(() => tell('BOOKMARK', pod('', ++version)), 20)
    await vi.waitFor(() => expect(version).toBeGreaterThan(125), 5_000)
    clearInterval(bookmarks)
    expect(watches).toHaveLength(1)
    expect(told.warn).not.toHaveBeenCalled()
    follower.close()
  })

  it('asks for everything again after a while', async () => {
    const { follower, lists } = await following({ relistMs: 1_000 })
    expect(lists).toHaveLength(1)
    await vi.waitFor(() => expect(lists.length).toBeGreaterThan(1), 5_000)
    follower.close()
  })

  it('waits as long as it is told with 429', async () => {
    const { follower, watches, state, refusals } = await following()
    Object.assign(state, { watchStatus: 429, refusal: { 'retry-after': '1' } })
    watches[0]!.answer.destroy()
    await vi.waitFor(() => expect(follower.trouble).toContain('status 429'), 5_000)
    const toldAt = performance.now()
    await vi.waitFor(() => expect(refusals).toHaveLength(2), 5_000)
    expect(performance.now() - toldAt).toBeGreaterThan(900)
    follower.close()
  })

  it('tells nothing any more once it is closed, not even that it was', async () => {
    const { api, told } = await fakeServer(() => {})
    const seen = vi.fn()
    const follower = api.follow('Pod', {}, seen)
    follower.close()
    await expect(follower.synced).rejects.toThrow('no longer followed')
    await expect(follower.refresh()).rejects.toThrow('no longer followed')
    expect(seen).not.toHaveBeenCalled()
    expect(told.warn).not.toHaveBeenCalled()
  })
})
