import type { ServerResponse } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { fakeServer, pod, podList, reply, type Asked } from './fake-server.ts'

/** Watches that the test speaks through, and lists that it changes. */
async function following() {
  const state = { list: podList(10, pod('a', 5)), listStatus: 200, watchStatus: 200 }
  const watches: { asked: Asked; answer: ServerResponse }[] = []
  const lists: Asked[] = []
  const fake = await fakeServer((asked, answer) => {
    if (asked.url.searchParams.get('watch') !== 'true') {
      lists.push(asked)
      reply(answer, state.listStatus, state.list)
      return
    }
    if (state.watchStatus !== 200) return reply(answer, state.watchStatus, {})
    answer.writeHead(200)
    answer.flushHeaders()
    watches.push({ asked, answer })
  })
  const seen: string[][] = []
  const follower = fake.api.follow('Pod', { labelSelector: 'app=vllm' }, (objects) => {
    seen.push([...objects.keys()])
  })
  await follower.synced
  await vi.waitFor(() => expect(watches).toHaveLength(1))
  return {
    ...fake,
    state,
    watches,
    lists,
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
})
