import { describe, expect, test } from 'vitest'
import { StartError } from '../../../src/simulator/index.ts'
import { chat, metric, postJson, simulator, until } from './simulators.ts'

const running = (url: string) => metric(url, 'vllm:num_requests_running')
const waiting = (url: string) => metric(url, 'vllm:num_requests_waiting')

describe('work in flight', () => {
  test('runs up to the limit, waits beyond it, and shows in the metrics', async () => {
    const { url } = await simulator('--hang-requests --max-num-seqs 2')
    const client = new AbortController()
    const asked = [1, 2, 3].map(() => chat(url, 'hi', {}, { signal: client.signal }))
    await until(async () => (await running(url)) === 2 && (await waiting(url)) === 1)
    expect(await metric(url, 'vllm:kv_cache_usage_perc')).toBeGreaterThan(0)
    expect(await (await fetch(`${url}/load`)).json()).toEqual({ server_load: 3 })
    client.abort()
    await Promise.allSettled(asked)
    await until(async () => (await running(url)) + (await waiting(url)) === 0)
    expect(await metric(url, 'vllm:kv_cache_usage_perc')).toBe(0)
  })

  test('ends when the client of a stream leaves', async () => {
    const { url } = await simulator('--itl 5ms')
    const client = new AbortController()
    const more = { stream: true, ignore_eos: true, max_tokens: 1_000_000 }
    const response = await chat(url, 'hi', more, { signal: client.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    expect(await running(url)).toBe(1)
    client.abort()
    await until(async () => (await running(url)) === 0)
  })

  test('goes on after the answer to a background response', async () => {
    const { url } = await simulator('--hang-requests')
    await postJson(`${url}/v1/responses`, { input: 'hi', background: true })
    await until(async () => (await running(url)) === 1)
  })

  test('is counted when it has ended', async () => {
    const { url } = await simulator()
    await (await chat(url, 'one two')).text()
    expect(await metric(url, 'vllm:prompt_tokens_total')).toBe(2)
    expect(await metric(url, 'vllm:generation_tokens_total')).toBe(5)
    expect(await metric(url, 'vllm:request_success_total')).toBe(1)
    expect(await metric(url, 'vllm:time_to_first_token_seconds_count')).toBe(1)
  })

  test('takes the time to the first token, and the time between tokens', async () => {
    const { url } = await simulator('--ttft 30ms --itl 10ms')
    const from = performance.now()
    await (await chat(url, 'hi')).text()
    expect(performance.now() - from).toBeGreaterThan(55)
    expect(await metric(url, 'vllm:time_to_first_token_seconds_sum')).toBeGreaterThan(0.025)
  })
})

describe('faults', () => {
  test('a share of requests fails with 500, and listings do not', async () => {
    const { url } = await simulator('--error-rate 0.5')
    const statuses: number[] = []
    for (let round = 0; round < 4; round += 1) {
      statuses.push((await chat(url)).status, (await fetch(`${url}/v1/models`)).status)
    }
    expect(statuses).toEqual([200, 200, 500, 200, 200, 200, 500, 200])
  })

  test('a wrong model is served under its own name only', async () => {
    const { url } = await simulator('--wrong-model other')
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: 'other' }],
    })
    expect((await chat(url, 'hi', { model: 'm' })).status).toBe(404)
    expect(await (await chat(url, 'hi', { model: 'other' })).text()).toContain('[other] you said')
  })

  test('garbage echoes nothing', async () => {
    const { url } = await simulator('--garbage')
    expect(await (await chat(url, 'hello')).text()).not.toContain('hello')
  })

  test('death in mid-stream comes after exactly so many events, without an end', async () => {
    const { url, died } = await simulator('--die-after-chunks 3')
    const response = await chat(url, 'hi', { stream: true })
    const decoder = new TextDecoder()
    let text = ''
    await expect(async () => {
      for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true })
    }).rejects.toThrow()
    expect(text.match(/^data: /gm)).toHaveLength(3)
    expect((await died).reason).toContain('mid-stream')
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  test('death after some requests comes when the last of them has its answer', async () => {
    const { url, died } = await simulator('--die-after-requests 2')
    expect((await chat(url)).status).toBe(200)
    expect(await (await chat(url)).text()).toContain('you said')
    expect((await died).reason).toContain('request')
    await expect(chat(url)).rejects.toThrow()
  })
})

describe('while loading', () => {
  test('503 is answered to everything when told so', async () => {
    const { url } = await simulator('--hang-load --loading-answer 503')
    expect((await fetch(`${url}/health`)).status).toBe(503)
    expect((await fetch(`${url}/v1/models`)).status).toBe(503)
  })

  test('that ends, and then it serves', async () => {
    const { url, loaded } = await simulator('--load-time 20ms --loading-answer 503')
    await loaded
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('a failure carries the exit code', async () => {
    const failure: unknown = await simulator('--fail-load 7').catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StartError)
    expect(failure).toHaveProperty('exitCode', 7)
  })

  test('it can be closed', async () => {
    const { loaded, close } = await simulator('--load-time 1h --loading-answer 503')
    await close()
    await expect(loaded).rejects.toThrow('aborted')
  })
})
