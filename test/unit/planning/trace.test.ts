import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { loadTimes, readTrace, type Trace } from '../../../src/planning/index.ts'
import { createLog } from '../../../src/telemetry/index.ts'

const options = {
  name: 'day.jsonl',
  servedName: (name: string) => ({ small: 'small', big: 'big', alias: 'big' })[name],
  knownModels: ['big', 'small'],
  msPerToken: 25,
}
const read = (...lines: (string | object)[]): Promise<Trace> =>
  readTrace(
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))),
    options,
  )

describe('a recorded trace', () => {
  it('is put in order and counted from its first request, whatever clock it has', async () => {
    const inSeconds = await read({ at: 12, model: 'small', durationMs: 800 }, '', {
      at: 10.5,
      model: 'alias',
      durationMs: 100,
    })
    expect(inSeconds.arrivals).toEqual([
      { at: 0, model: 'big', durationMs: 100 },
      { at: 1_500, model: 'small', durationMs: 800 },
    ])
    expect(inSeconds.beganAt).toBeUndefined()

    const dated = await read(
      { at: '2026-03-02T08:00:00+01:00', model: 'small', durationMs: 1 },
      { at: '2026-03-02T07:00:02Z', model: 'small', durationMs: 2 },
    )
    expect(dated.arrivals.map(({ at }) => at)).toEqual([0, 2_000])
    expect(dated.beganAt).toBe(Date.parse('2026-03-02T07:00:00Z'))
  })

  it('turns tokens into time', async () => {
    const { arrivals } = await read({ at: 0, model: 'small', tokens: 200 })
    expect(arrivals).toEqual([{ at: 0, model: 'small', durationMs: 5_000 }])
  })

  it.each([
    ['{"at": 1', 'line 2 is not JSON; a log must have been written with `logFormat: json`'],
    ['[1]', 'line 2 is not a JSON object'],
    [{ model: 'small' }, 'line 2 has no `at`'],
    [{ at: 'noon', model: 'small', durationMs: 1 }, 'line 2 at: "noon" is neither'],
    [{ at: 1, durationMs: 1 }, 'line 2 has no `model`'],
    [{ at: 1, model: 'small' }, 'line 2 has neither `durationMs` nor `tokens`'],
    [{ at: 1, model: 'small', durationMs: -1 }, 'line 2 durationMs: -1 is not a number'],
    [
      { at: 1, model: 'other', durationMs: 1 },
      'line 2: no manifest names model other; known: big, small',
    ],
    [
      { at: '2026-03-02T08:00:00Z', model: 'small', durationMs: 1 },
      '`at` is in seconds in some lines',
    ],
  ])('is refused with the line that is wrong: %j', async (line, why) => {
    await expect(read({ at: 0, model: 'small', durationMs: 1 }, line)).rejects.toThrow(why)
  })

  it('is refused when it holds nothing to play', async () => {
    await expect(read()).rejects.toThrow('day.jsonl: is empty')
    const line = { time: '2026-03-02T08:00:00Z', level: 'info', msg: 'listening' }
    await expect(read(line)).rejects.toThrow('has no request for a model in its 1 line(s)')
  })
})

describe('the log of vllm-chill', () => {
  const request = {
    level: 'info',
    time: '2026-03-02T08:01:00.000Z',
    msg: 'POST …',
    method: 'POST',
    route: '/v1/chat/completions',
    model: 'small',
    backend: 'vllm',
    status: 200,
    waitedMs: 20_000,
    durationMs: 30_000,
  }

  it('is a trace: a request arrived before its line, and its wait is not its work', async () => {
    const { arrivals, beganAt } = await read(request)
    expect(arrivals).toEqual([{ at: 0, model: 'small', durationMs: 10_000 }])
    expect(beganAt).toBe(Date.parse('2026-03-02T08:00:30Z'))
  })

  it('counts who was turned away or left waiting, with the usual duration; not who asked wrongly', async () => {
    const { arrivals, guessed } = await read(
      request,
      { ...request, backend: undefined, status: 499, code: 'client_left' },
      { ...request, backend: undefined, status: 503, code: 'model_loading' },
      { ...request, backend: undefined, status: 404, model: 'nobody knows it' },
      { ...request, backend: undefined, status: 401 },
      { ...request, model: undefined, route: '/health' },
    )
    expect(arrivals.map(({ durationMs }) => durationMs)).toEqual([10_000, 10_000, 10_000])
    expect(guessed).toBe(2)
  })

  it('tells what loads took: the steps of a start together', async () => {
    const step = { level: 'info', time: 0, msg: '', backend: 'vllm', model: 'small' }
    const trace = await read(
      { ...step, from: 'creatingResources', to: 'scalingUp', afterMs: 2_000 },
      { ...step, from: 'scalingUp', to: 'ready.serving', afterMs: 30_000 },
      { ...step, from: 'ready.quiet', to: 'idle.rechecking', afterMs: 9 },
      request,
    )
    expect(trace.loadsMs).toEqual(new Map([['small', [32_000]]]))
    expect(trace.others).toBe(1)
  })

  it('is read as pino writes it', async () => {
    const lines: string[] = []
    const destination = new PassThrough()
    destination.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n')))
    const { level: _, time: __, msg, ...fields } = request
    createLog({ format: 'json', destination }).info(fields, msg)
    expect(lines.length).toBeGreaterThan(0)
    const { arrivals } = await readTrace(lines, options)
    expect(arrivals).toEqual([{ at: 0, model: 'small', durationMs: 10_000 }])
  })
})

describe('load times', () => {
  it('are as given, else the middle of those measured, else the mean of the others', () => {
    const loadsMs = new Map([['b', [10_000, 90_000, 20_000]]])
    const loads = loadTimes(['a', 'b', 'c'], new Map([['a', 40_000]]), { loadsMs })
    expect(Object.fromEntries(loads)).toEqual({
      a: { ms: 40_000, source: 'given' },
      b: { ms: 20_000, source: 'measured' },
      c: { ms: 30_000, source: 'guessed' },
    })
  })

  it('are what is usual where nothing is known', () => {
    const loads = loadTimes(['a'], new Map(), { loadsMs: new Map() })
    expect(loads.get('a')).toEqual({ ms: 40_000, source: 'guessed' })
  })
})
