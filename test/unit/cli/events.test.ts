import { describe, expect, it, onTestFinished } from 'vitest'
import { eventLines } from '../../../src/cli/event-words.ts'
import { main } from '../../../src/cli/main.ts'
import { noPaint } from '../../../src/cli/screen/index.ts'
import type { StreamEvent } from '../../../src/events/index.ts'
import { backendStatus, serveOperations } from '../operations/fakes.ts'
import { FakeEvents } from './fake-events.ts'
import { FakeScreen, fakeTerminal } from './terminals.ts'

const at = '2026-11-24T06:30:00.000Z'
const failure = {
  model: 'qwen3',
  reason: 'exited',
  message: 'exit code 1',
  log: ['CUDA out of memory'],
  attempts: 1,
  at,
  retryInMs: 2000,
}
const request = { id: 'req-1', path: '/v1/chat/completions', waitedMs: 2000 }

const inWords = (event: object) =>
  eventLines({ at, ...event } as StreamEvent, noPaint, new Date(at)).map((line) =>
    line.replace(/^\d\d:\d\d:\d\d  /, ''),
  )

describe('an event in words', () => {
  it.each([
    [
      {
        type: 'transition',
        backend: 'gpu0',
        from: 'ready.quiet',
        to: 'idle.rechecking',
        event: 'x',
        because: 'idle for 5 min',
        model: 'qwen3',
        afterMs: 300_000,
      },
      'gpu0      ready.quiet → idle.rechecking [qwen3] after 5 min: idle for 5 min',
    ],
    [
      {
        type: 'transition',
        backend: 'gpu0',
        from: 'ready.quiet',
        to: 'switchingModel.draining',
        event: 'x',
        because: 'b waits',
        model: 'a',
        target: 'b',
        afterMs: 10,
      },
      'gpu0      ready.quiet → switchingModel.draining [a → b] after 10 ms: b waits',
    ],
    [
      {
        type: 'progress',
        backend: 'gpu0',
        model: 'qwen3',
        phase: 'loading',
        detail: 'shard 2 of 4',
        elapsedMs: 9000,
        usualMs: 20_000,
      },
      'gpu0      qwen3: loading 9 s of ~20 s, shard 2 of 4',
    ],
    [
      {
        type: 'fact',
        fact: { type: 'ready', backend: 'gpu0', model: 'qwen3', generation: 1, loadMs: 20_000 },
      },
      'gpu0      qwen3 is ready after 20 s',
    ],
    [
      {
        type: 'fact',
        fact: { type: 'replica lost', backend: 'gpu0', model: 'qwen3', message: 'killed' },
      },
      'gpu0      qwen3 was lost: killed',
    ],
    [
      {
        type: 'fact',
        fact: { type: 'drain overdue', backend: 'gpu0', model: 'qwen3', cut: false },
      },
      'gpu0      the drain of qwen3 is overdue; it goes on waiting',
    ],
    [
      { type: 'fact', fact: { type: 'unload overdue', backend: 'gpu0', model: 'qwen3' } },
      'gpu0      qwen3 does not go away; it is tried again',
    ],
    [
      { type: 'fact', fact: { type: 'models refused', backend: 'gpu0', models: ['a', 'b'] } },
      'gpu0      cannot serve a, b',
    ],
    [{ type: 'fact', fact: { type: 'cold', backend: 'gpu0' } }, 'gpu0      the GPU is free'],
    [
      { type: 'fact', fact: { type: 'held', backend: 'gpu0' } },
      'gpu0      stays down until `vllm-chill start`',
    ],
    [
      { type: 'admitted', ...request, model: 'qwen3', backend: 'gpu0' },
      'gpu0      req-1 has its turn after 2 s (/v1/chat/completions, qwen3)',
    ],
    [
      { type: 'refused', ...request, code: 'model_failed', status: 503 },
      '-         req-1 refused: 503 model_failed after 2 s (/v1/chat/completions, -)',
    ],
    [
      {
        type: 'finished',
        ...request,
        model: 'qwen3',
        backend: 'gpu0',
        status: 200,
        durationMs: 3000,
        responseBytes: 1500,
      },
      'gpu0      req-1 200, 1.5 kB in 3 s, 2 s of it waiting (/v1/chat/completions, qwen3)',
    ],
    [{ type: 'models', models: ['a', 'b'], problems: [] }, 'program   models: a, b'],
    [
      { type: 'snapshot', backend: backendStatus({ model: 'qwen3', leases: 2 }) },
      'gpu0      cold, qwen3, 2 in flight',
    ],
    [{ type: 'goodbye' }, 'program   shuts down'],
    [{ type: 'of tomorrow' }, expect.stringContaining('of tomorrow') as string],
  ])('%j', (event, words) => {
    expect(inWords(event)[0]).toEqual(words)
  })

  it('tells a failed start with its reason and last log lines', () => {
    expect(
      inWords({ type: 'fact', fact: { type: 'start failed', backend: 'gpu0', failure } }),
    ).toEqual([
      'gpu0      qwen3 failed to start (exited): exit code 1',
      `    last at ${at}; tried again in 2 s at the earliest`,
      '    | CUDA out of memory',
    ])
  })

  it('lets no text of others steer the terminal', () => {
    const model = 'a\u001B[2J\nb'
    const [line] = inWords({ type: 'admitted', ...request, model, backend: 'gpu0' })
    expect(line).toContain(', a b)')
  })

  it('has the date when it was another day', () => {
    const tomorrow = new Date(Date.parse(at) + 86_400_000)
    const [line] = eventLines({ at, type: 'goodbye' }, noPaint, tomorrow)
    expect(line).toMatch(/^2026-11-2\d \d\d:\d\d:\d\d  program   shuts down$/)
  })
})

async function run(words: readonly string[], events: FakeEvents) {
  const { url } = await serveOperations({ events })
  const terminal = fakeTerminal({ VLLM_CHILL_URL: url })
  const over = main(['node', 'vllm-chill', 'events', ...words], terminal)
  onTestFinished(async () => {
    terminal.interrupt()
    await over
  })
  return { terminal, over }
}

const cold = { type: 'fact', fact: { type: 'cold', backend: 'gpu0' } } as const

describe('events', () => {
  it('tells the last ones and ends', async () => {
    const events = new FakeEvents()
    events.past = [cold]
    const { terminal, over } = await run([], events)
    expect(await over).toBe(0)
    expect(terminal.printed).toEqual([expect.stringMatching(/gpu0 +the GPU is free$/)])
    expect(events.readings[0]).toMatchObject({ follow: false, last: 20 })
    expect(events.readings[0]?.types).not.toContain('snapshot')
  })

  it('--json prints each as a line, with the greeting and all types', async () => {
    const events = new FakeEvents()
    events.past = [cold]
    const { terminal, over } = await run(['--json', '--last', '3'], events)
    expect(await over).toBe(0)
    expect(terminal.printed.map((line) => JSON.parse(line))).toMatchObject([
      { type: 'hello', eventId: '7-0' },
      { ...cold, at: events.at },
    ])
    expect(events.readings[0]).toMatchObject({ last: 3, types: undefined })
  })

  it('--types asks for these only', async () => {
    const events = new FakeEvents()
    await (
      await run(['--types', 'transition,fact'], events)
    ).over
    expect(events.readings[0]?.types).toEqual(['transition', 'fact'])
  })

  it('--follow goes on across a break, and says what it could not see', async () => {
    const events = new FakeEvents()
    const { terminal, over } = await run(['--follow'], events)
    await events.opened()
    events.tell(cold)
    events.missed = true
    events.end()
    await events.opened()
    expect(events.readings.at(-1)).toMatchObject({ lastEventId: '7-1', follow: true })
    events.tell(cold)
    while (terminal.printed.length < 3) await new Promise((resolve) => setImmediate(resolve))
    expect(terminal.printed.map((line) => line.slice(line.indexOf('  ') + 2))).toEqual([
      'gpu0      the GPU is free',
      'program   vllm-chill 1.2.3, started at 2026-11-24T05:00:00.000Z',
      'gpu0      the GPU is free',
    ])
    expect(terminal.said.join('')).toMatch(/Trying again\.\n.*not known any more/)
    terminal.interrupt()
    expect(await over).toBe(130)
  })

  it('colours for a terminal', async () => {
    const events = new FakeEvents()
    events.past = [{ ...cold, fact: { type: 'held', backend: 'gpu0' } }]
    const { url } = await serveOperations({ events })
    const terminal = fakeTerminal({ VLLM_CHILL_URL: url }, false, { screen: new FakeScreen(80) })
    await main(['node', 'vllm-chill', 'events'], terminal)
    expect(terminal.printed[0]).toContain('\u001B[33m')
  })
})
