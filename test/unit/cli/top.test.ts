import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { countersOf, type Look } from '../../../src/cli/counters.ts'
import { readExposition } from '../../../src/cli/exposition.ts'
import { main } from '../../../src/cli/main.ts'
import { inBytes, inShort } from '../../../src/cli/table.ts'
import { fakeInstance } from './fake-instance.ts'
import { FakeScreen, fakeTerminal } from './terminals.ts'

const stats = {
  uptime_seconds: 72,
  backends: 2,
  backends_ready: 1,
  requests_in_flight: 3,
  requests_waiting: 2,
  bytes_waiting: 1500,
}

const metrics = (requests: number) => `# HELP vllm_chill_requests_total Requests
# TYPE vllm_chill_requests_total counter
vllm_chill_requests_total{method="POST",path="/v1/chat/completions",status="200"} ${requests}
vllm_chill_requests_total{method="GET",path="other",status="404"} 2
vllm_chill_response_payload_bytes_bucket{le="+Inf"} 9
vllm_chill_response_payload_bytes_sum{method="POST",path="/v1/chat/completions"} 1e6
vllm_chill_oldest_wait_seconds{model="a"} 3
vllm_chill_oldest_wait_seconds{model="b"} 9
vllm_chill_gpu_held_seconds_total{backend="gpu0"} ${requests / 10}
vllm_chill_event_loop_lag_seconds{statistic="p50"} 0.0011
vllm_chill_event_loop_lag_seconds{statistic="p99"} 0.005
process_resident_memory_bytes 99000000
`

const lookAt = (at: number, requests: number): Look => ({
  at,
  stats,
  metrics: readExposition(metrics(requests)),
})

describe('the text of metrics', () => {
  it('is summed up over labels, or those that are asked for', () => {
    const read = readExposition('a{l="x",m="1"} 1\na{l="y"} 2.5 1700000000\nb 3e2\n# a{l="z"} 9\n')
    expect(read.sum('a')).toBe(3.5)
    expect(read.sum('a', { l: 'y' })).toBe(2.5)
    expect(read.sum('b')).toBe(300)
    expect(read.sum('c')).toBeUndefined()
    expect([...read.by('a', 'l')]).toEqual([
      ['x', 1],
      ['y', 2.5],
    ])
  })

  it('may have anything in its labels', () => {
    const read = readExposition(String.raw`a{l="x\"} 7,\\ \n}"} 1`)
    expect([...read.by('a', 'l').keys()]).toEqual(['x"} 7,\\ \n}'])
  })
})

describe('counters', () => {
  it('grow by so much a second between two looks', () => {
    const { requests, gpuHeld, sentBytes, oldestWaitSeconds } = countersOf(
      lookAt(12_000, 100),
      lookAt(10_000, 50),
    )
    expect(requests).toEqual({ total: 102, perSecond: 25 })
    expect(gpuHeld).toEqual({ total: 10, perSecond: 2.5 })
    expect(sentBytes).toEqual({ total: 1e6, perSecond: 0 })
    expect(oldestWaitSeconds).toBe(9)
  })

  it('are not known to grow at the first look, and after a restart', () => {
    expect(countersOf(lookAt(0, 100), undefined).requests.perSecond).toBeUndefined()
    expect(countersOf(lookAt(2000, 5), lookAt(0, 100)).requests.perSecond).toBeUndefined()
  })

  it('have tokens only where they are counted', () => {
    expect(countersOf(lookAt(0, 1), undefined)).not.toHaveProperty('promptTokens')
    const counting = readExposition(`${metrics(1)}vllm_chill_prompt_tokens_total{model="a"} 7\n`)
    const look = { at: 0, stats, metrics: counting }
    expect(countersOf(look, undefined).promptTokens?.total).toBe(7)
  })
})

describe('numbers for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1500, '1.5 kB'],
    [34_000_000, '34 MB'],
    [999_900, '1.0 MB'],
  ])('%d bytes are %s', (bytes, words) => {
    expect(inBytes(bytes)).toBe(words)
  })

  it.each([
    [0, '0'],
    [0.5, '0.50'],
    [12.34, '12'],
    [950.4, '950'],
    [1234, '1.2 k'],
  ])('%d is %s', (count, words) => {
    expect(inShort(count)).toBe(words)
  })
})

describe('top', () => {
  async function growing() {
    let requests = 0
    return await fakeInstance({
      stats,
      metrics: (response) => void response.end(metrics((requests += 10))),
    })
  }

  it('prints what it sees so many times', async () => {
    const { run } = await growing()
    const { code, printed } = await run(['top', '--count', '2'])
    expect(code).toBe(0)
    const [first = '', second = ''] = printed.split('\n\n')
    expect(first).toMatch(/^up 1 min 12 s +NOW +IN ALL$/m)
    expect(first).toMatch(/^requests +- +12$/m)
    expect(first).toMatch(/^waiting +2 +1\.5 kB, oldest 9 s$/m)
    expect(first).toMatch(/^event loop lag +1\.1 ms +p99 5\.0 ms/m)
    expect(second).toMatch(/^requests +\S+( k)?\/s +22$/m)
  })

  it('--json prints a line for each look', async () => {
    const { run } = await growing()
    const { printed } = await run(['top', '--json', '--count', '2'])
    const [first, second] = printed.split('\n').map((line) => JSON.parse(line))
    expect(first).toMatchObject({ inFlight: 3, requests: { total: 12 } })
    expect(second.requests.perSecond).toBeGreaterThan(0)
  })

  it('stays within a narrow terminal, and goes on when the instance is away', async () => {
    let isThere = true
    const { url } = await fakeInstance({
      stats: (response) => {
        if (isThere) response.end(JSON.stringify(stats))
        else response.destroy()
      },
      metrics: metrics(1),
    })
    const screen = new FakeScreen(28)
    const pause = () => new Promise<void>((resolve) => setImmediate(resolve))
    const terminal = fakeTerminal({ VLLM_CHILL_URL: url }, false, { screen, pause })
    const over = main(['node', 'vllm-chill', 'top'], terminal)
    await screen.shows('in flight')
    for (const line of screen.lines) expect(stringWidth(line)).toBeLessThanOrEqual(28)
    isThere = false
    await screen.shows('Trying again')
    isThere = true
    await screen.shows(/^up /)
    terminal.interrupt()
    expect(await over).toBe(130)
    expect(screen.written.endsWith('\u001B[?1049l')).toBe(true)
  })
})
