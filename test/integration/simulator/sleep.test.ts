import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chat, freshLockFile, metric, simulator, until } from './simulators.ts'

const post = async (url: string) => (await fetch(url, { method: 'POST' })).status
const isSleeping = async (url: string) =>
  ((await (await fetch(`${url}/is_sleeping`)).json()) as { is_sleeping: boolean }).is_sleeping
const said = async (url: string) => await (await chat(url, 'hello')).text()

test('sleep mode exists in development mode only', async () => {
  const { url } = await simulator()
  expect(await post(`${url}/sleep`)).toBe(404)
  const { url: developed } = await simulator('', { VLLM_SERVER_DEV_MODE: '1' })
  expect(await isSleeping(developed)).toBe(false)
})

test('asleep it is healthy, says so in its metrics, and refuses inference', async () => {
  const { url } = await simulator('--dev-mode')
  expect(await post(`${url}/sleep?level=1`)).toBe(200)
  expect(await isSleeping(url)).toBe(true)
  expect((await fetch(`${url}/health`)).status).toBe(200)
  expect((await chat(url)).status).toBe(503)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toContain('sleep_state="weights_offloaded"} 1.0')
  expect(await post(`${url}/wake_up`)).toBe(200)
  expect(await said(url)).toContain('hello')
})

test('level 2 without a reload of the weights wakes up to garbage', async () => {
  const { url } = await simulator('--dev-mode')
  await post(`${url}/sleep?level=2`)
  await post(`${url}/wake_up`)
  expect(await said(url)).not.toContain('hello')
})

test('level 2 with a reload between weights and cache wakes up well', async () => {
  const { url } = await simulator('--dev-mode')
  await post(`${url}/sleep?level=2`)
  await post(`${url}/wake_up?tags=weights`)
  expect(await isSleeping(url)).toBe(true)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ method: 'reload_weights' })
  await fetch(`${url}/collective_rpc`, { method: 'POST', headers, body })
  await post(`${url}/wake_up?tags=kv_cache`)
  expect(await isSleeping(url)).toBe(false)
  expect(await said(url)).toContain('hello')
})

test('falling asleep cuts what is in flight', async () => {
  const { url } = await simulator('--dev-mode --hang-requests')
  const asked = chat(url)
  await until(async () => (await metric(url, 'vllm:num_requests_running')) === 1)
  expect(await post(`${url}/sleep`)).toBe(200)
  expect(await (await asked).json()).toMatchObject({ choices: [{ finish_reason: 'abort' }] })
})

test('asleep it gives the GPU to another, and dies of waking up while that one has it', async () => {
  const lock = await freshLockFile()
  const sleeper = await simulator(`--dev-mode --gpu-lock ${lock}`)
  await post(`${sleeper.url}/sleep`)
  expect(existsSync(lock)).toBe(false)
  const other = await simulator(`--gpu-lock ${lock}`)
  await expect(post(`${sleeper.url}/wake_up`)).rejects.toThrow()
  expect((await sleeper.died).reason).toContain('out of memory')
  expect((await chat(other.url)).status).toBe(200)
})

test.each(['/sleep?level=3', '/sleep?mode=x', '/wake_up?tags=x'])('%s is refused', async (path) => {
  const { url } = await simulator('--dev-mode')
  expect(await post(url + path)).toBe(400)
})
