import { describe, expect, test } from 'vitest'
import { chat, metric, spawnSimulator, until } from './simulators.ts'

const endless = { stream: true, ignore_eos: true, max_tokens: 1_000_000 }

describe('loading', () => {
  test('refuses connections until it has loaded, and tells how far it is', async () => {
    const { logged, listening } = spawnSimulator('--load-time 200ms --port 0')
    await logged('Loading safetensors checkpoint shards:  25%')
    const url = await listening()
    await logged('Loading weights took 0.20 seconds')
    await logged('Application startup complete.')
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('fails with the given code and a traceback', async () => {
    const { ended, logged } = spawnSimulator('', { VLLM_CHILL_SIMULATE_FAIL_LOAD: '3' })
    expect(await ended).toBe(3)
    await logged('Traceback (most recent call last):')
    await logged('RuntimeError: Engine core initialization failed')
  })

  test('that hangs ends with SIGTERM', async () => {
    const { child, ended, logged } = spawnSimulator('--hang-load')
    await logged('Starting to load model m')
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  test('fails when the port is taken', async () => {
    const first = spawnSimulator('')
    const port = new URL(await first.listening()).port
    const second = spawnSimulator(`--port ${port}`)
    expect(await second.ended).toBe(1)
    await second.logged(`cannot listen on 127.0.0.1:${port}`)
  })
})

test('a command line that is not understood ends with code 2 and says why', async () => {
  const { ended, logged } = spawnSimulator('--ttft x')
  expect(await ended).toBe(2)
  await logged('--ttft: "x" is not a duration')
})

describe('SIGTERM', () => {
  test('aborts streams in flight, and tells them so', async () => {
    const { child, ended, listening } = spawnSimulator('--itl 5ms')
    const response = await chat(await listening(), 'hi', endless)
    child.kill('SIGTERM')
    expect(await response.text()).toMatch(/"finish_reason":"abort"[^]*data: \[DONE\]\n\n$/)
    expect(await ended).toBe(0)
  })

  test('with a shutdown timeout lets them end, and refuses new ones while it says that it is well', async () => {
    const { child, ended, logged, listening } = spawnSimulator('--itl 20ms --shutdown-timeout 30')
    const url = await listening()
    const response = await chat(url, 'hi', { ...endless, max_tokens: 20 })
    child.kill('SIGTERM')
    await logged('Shutting down')
    const refusal = await chat(url)
    expect(refusal.status).toBe(500)
    expect(await refusal.json()).toMatchObject({ error: { type: 'InternalServerError' } })
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect(await response.text()).toMatch(/"finish_reason":"length"[^]*data: \[DONE\]\n\n$/)
    expect(await ended).toBe(0)
  })

  test('with a shutdown timeout aborts what is longer than that', async () => {
    const { child, ended, listening } = spawnSimulator('--itl 5ms --shutdown-timeout 0.2')
    const response = await chat(await listening(), 'hi', endless)
    child.kill('SIGTERM')
    expect(await response.text()).toMatch(/"finish_reason":"abort"[^]*data: \[DONE\]\n\n$/)
    expect(await ended).toBe(0)
  })

  test('counts background work as in flight', async () => {
    const { child, ended, logged, listening } = spawnSimulator(
      '--shutdown-timeout 0.5 --hang-requests',
    )
    const url = await listening()
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ input: 'hi', background: true })
    await fetch(`${url}/v1/responses`, { method: 'POST', headers, body })
    await until(async () => (await metric(url, 'vllm:num_requests_running')) === 1)
    const from = performance.now()
    child.kill('SIGTERM')
    await logged('Shutting down')
    expect(await ended).toBe(0)
    expect(performance.now() - from).toBeGreaterThan(450)
  })

  test('is ignored when told so', async () => {
    const { child, ended, logged, listening } = spawnSimulator('--ignore-sigterm')
    const url = await listening()
    child.kill('SIGTERM')
    await logged('ignoring SIGTERM')
    expect((await chat(url)).status).toBe(200)
    child.kill('SIGKILL')
    expect(await ended).toBe('SIGKILL')
  })

  test('takes its time when told so, and a second one hurries it', async () => {
    const { child, ended, logged, listening } = spawnSimulator('--slow-stop 1h')
    await listening()
    child.kill('SIGTERM')
    await logged('Shutting down')
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
  })
})

test('a process that dies in mid-stream ends with code 1', async () => {
  const { ended, listening } = spawnSimulator('--die-after-chunks 2')
  const response = await chat(await listening(), 'hi', { stream: true })
  await expect(response.text()).rejects.toThrow()
  expect(await ended).toBe(1)
})
