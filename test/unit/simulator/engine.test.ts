import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type EngineTiming,
  type EngineWatcher,
  createEngine,
} from '../../../src/simulator/engine.ts'

const deaf: EngineWatcher = { scheduled() {}, firstToken() {}, token() {} }

const quick: EngineTiming = { maxNumSeqs: 2, ttftMs: 0, itlMs: 0, jitter: 0, hangs: false }

/** A job that runs until it is let go, so that no test depends on time. */
function heldJob(promptTokens = 1) {
  const client = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const { promise: speaking, resolve: speak } = Promise.withResolvers<void>()
  return {
    job: { promptTokens, tokens: ['a'], signal: client.signal },
    speaking,
    say: () => {
      speak()
      return promise
    },
    finish: resolve,
    leave: () => client.abort(),
  }
}

describe('the queue', () => {
  test('runs as many as it may and serves the rest in the order in which they came', async () => {
    const engine = createEngine({ ...quick, maxNumSeqs: 1 }, deaf)
    const first = heldJob()
    const order: number[] = []
    const firstRun = engine.run(first.job, first.say)
    const others = [1, 2, 3].map((number) =>
      engine.run({ ...first.job, tokens: ['x'] }, () => {
        order.push(number)
      }),
    )
    expect([engine.running, engine.waiting]).toEqual([1, 3])
    first.finish()
    await Promise.all([firstRun, ...others])
    expect(order).toEqual([1, 2, 3])
    expect([engine.running, engine.waiting, engine.cachedTokens]).toEqual([0, 0, 0])
  })

  test('forgets a client that leaves while it waits, at once', async () => {
    const engine = createEngine({ ...quick, maxNumSeqs: 1 }, deaf)
    const running = heldJob()
    const waiting = heldJob()
    const runs = [engine.run(running.job, running.say), engine.run(waiting.job, waiting.say)]
    waiting.leave()
    expect([engine.running, engine.waiting]).toEqual([1, 0])
    running.finish()
    expect(await Promise.all(runs)).toEqual(['finished', 'aborted'])
  })

  test('gives the seat of a client that leaves to the next, at once', async () => {
    const engine = createEngine({ ...quick, maxNumSeqs: 1, hangs: true }, deaf)
    const one = heldJob()
    const other = heldJob()
    const runs = [engine.run(one.job, one.say), engine.run(other.job, other.say)]
    one.leave()
    expect([engine.running, engine.waiting]).toEqual([1, 0])
    other.leave()
    expect([engine.running, engine.waiting]).toEqual([0, 0])
    expect(await Promise.all(runs)).toEqual(['aborted', 'aborted'])
  })

  test('never runs more than it may, and always ends empty', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ leaves: fc.boolean(), after: fc.nat(5) }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (clients, maxNumSeqs) => {
          const engine = createEngine({ ...quick, maxNumSeqs }, deaf)
          const jobs = clients.map((client) => ({ ...client, ...heldJob() }))
          const runs = jobs.map(({ job, say }) => engine.run(job, say))
          for (const { leaves, leave, finish } of jobs.sort((a, b) => a.after - b.after)) {
            expect(engine.running).toBeLessThanOrEqual(maxNumSeqs)
            if (leaves) leave()
            finish()
          }
          await Promise.all([engine.drained(), ...runs])
          expect([engine.running, engine.waiting, engine.cachedTokens]).toEqual([0, 0, 0])
        },
      ),
    )
  })
})

describe('the cache', () => {
  test('holds the prompt and what was said so far', async () => {
    const engine = createEngine(quick, deaf)
    const { job, say, speaking, finish } = heldJob(7)
    const run = engine.run(job, say)
    await speaking
    expect(engine.cachedTokens).toBe(8)
    finish()
    await run
    expect(engine.cachedTokens).toBe(0)
  })
})

test('aborting everything ends what runs and what waits', async () => {
  const engine = createEngine({ ...quick, maxNumSeqs: 1, hangs: true }, deaf)
  const jobs = [heldJob(), heldJob(), heldJob()]
  const runs = jobs.map(({ job, say }) => engine.run(job, say))
  engine.abortAll()
  expect(await Promise.all(runs)).toEqual(['aborted', 'aborted', 'aborted'])
  expect(engine.running + engine.waiting).toBe(0)
})

test('a client that left before it came is not run', async () => {
  const engine = createEngine(quick, deaf)
  const { job, say, leave } = heldJob()
  leave()
  expect(await engine.run(job, say)).toBe('aborted')
})

test('when it dies, what runs and what comes is lost, and the first of it is told', async () => {
  const engine = createEngine({ ...quick, hangs: true }, deaf)
  const before = heldJob()
  const run = engine.run(before.job, before.say)
  const met = engine.die()
  expect(await run).toBe('lost')
  await met
  expect(await engine.run(heldJob().job, () => {})).toBe('lost')
  expect([engine.dead, engine.running]).toEqual([true, 0])
})
