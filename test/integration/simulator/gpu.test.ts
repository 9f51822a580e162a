import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  chat,
  freshLockFile,
  metric,
  postJson,
  spawnSimulator,
  spawnWorker,
  until,
} from './simulators.ts'

const holderOf = async (lock: string) =>
  (JSON.parse(await readFile(lock, 'utf8')) as { pid: number }).pid

describe('a GPU', () => {
  test('is held by a worker, and a second server on it runs out of memory', async () => {
    const lock = await freshLockFile()
    const first = spawnSimulator(`--gpu-lock ${lock}`)
    await first.listening()
    expect(await holderOf(lock)).not.toBe(first.child.pid)

    const second = spawnSimulator(`--gpu-lock ${lock}`)
    expect(await second.ended).toBe(1)
    await second.logged('torch.OutOfMemoryError: CUDA out of memory.')

    first.child.kill('SIGTERM')
    await first.ended
    const third = spawnSimulator(`--gpu-lock ${lock}`)
    await third.listening()
  })

  test('is free when the server that had it has stopped, and nothing is left lying about', async () => {
    const lock = await freshLockFile()
    const { child, ended, listening } = spawnSimulator(`--gpu-lock ${lock}`)
    await listening()
    child.kill('SIGTERM')
    await ended
    expect(await readdir(dirname(lock))).toEqual([])
  })

  test('is one of several when the path says so', async () => {
    const lock = await freshLockFile()
    const template = `${lock}-{gpu}`
    const both = spawnSimulator(`--gpu-lock ${template}`, { CUDA_VISIBLE_DEVICES: '0,1' })
    await both.listening()
    const other = spawnSimulator(`--gpu-lock ${template}`, { CUDA_VISIBLE_DEVICES: '2' })
    await other.listening()
    const overlapping = spawnSimulator(`--gpu-lock ${template}`, { CUDA_VISIBLE_DEVICES: '1,3' })
    expect(await overlapping.ended).toBe(1)
    const rest = spawnSimulator(`--gpu-lock ${template}`, { CUDA_VISIBLE_DEVICES: '3' })
    await rest.listening()
  })
})

describe('a worker', () => {
  test('outlives a killed server, and with it the GPU is held, until it is killed too', async () => {
    const lock = await freshLockFile()
    const first = spawnSimulator(`--gpu-lock ${lock} --worker-linger 1h`)
    await first.listening()
    const worker = await holderOf(lock)
    first.child.kill('SIGKILL')
    await first.ended
    process.kill(worker, 'SIGTERM')

    const second = spawnSimulator(`--gpu-lock ${lock}`)
    expect(await second.ended).toBe(1)

    process.kill(worker, 'SIGKILL')
    let third = spawnSimulator(`--gpu-lock ${lock}`)
    // The kernel may need a moment to end it, in which the GPU is rightly still held.
    while ((await Promise.race([third.ended, third.listening()])) === 1) {
      third = spawnSimulator(`--gpu-lock ${lock}`)
    }
    expect(await holderOf(lock)).not.toBe(worker)
  })

  test('notices by itself that its server was killed, and gives the GPU back', async () => {
    const lock = await freshLockFile()
    const { child, listening } = spawnSimulator(`--gpu-lock ${lock}`)
    await listening()
    const stderrEnded = once(child.stderr ?? child, 'close')
    child.kill('SIGKILL')
    // The worker shares this pipe, so it closes when the worker has ended.
    await stderrEnded
    expect(await readdir(dirname(lock))).toEqual([])
  })

  test('takes its server with it when it dies while loading', async () => {
    const lock = await freshLockFile()
    const { ended, logged } = spawnSimulator(`--gpu-lock ${lock} --hang-load`)
    await logged('Starting to load model')
    process.kill(await holderOf(lock), 'SIGKILL')
    expect(await ended).toBe(1)
  })

  test('takes its server with it when it dies, which tells who waits and ends without an error', async () => {
    const lock = await freshLockFile()
    const { ended, logged, listening } = spawnSimulator(`--gpu-lock ${lock} --itl 5ms`)
    const url = await listening()
    const endless = { max_tokens: 10_000, ignore_eos: true }
    const ask = (path: string, more: object) => postJson(`${url}${path}`, { ...endless, ...more })
    const messages = [{ role: 'user', content: 'hi' }]
    const chats = await ask('/v1/chat/completions', { messages, stream: true })
    const agents = await ask('/v1/responses', { input: 'hi', max_output_tokens: 999, stream: true })
    const whole = ask('/v1/chat/completions', { messages })
    await until(async () => (await metric(url, 'vllm:num_requests_running')) === 3)

    process.kill(await holderOf(lock), 'SIGKILL')
    expect(await chats.text()).toMatch(
      /data: \{"error":\{"message":"EngineCore [^\n]*"code":500\}\}\n\ndata: \[DONE\]\n\n$/,
    )
    await expect(agents.text()).rejects.toThrow('terminated')
    expect((await whole).status).toBe(500)
    expect(await ended).toBe(0)
    await logged('EngineCore died unexpectedly')
  })

  test('leaves a server that nobody asks for a while, and it says that it is not well', async () => {
    const lock = await freshLockFile()
    const { ended, listening } = spawnSimulator(`--gpu-lock ${lock}`)
    const url = await listening()
    process.kill(await holderOf(lock), 'SIGKILL')
    await until(async () => (await fetch(`${url}/health`)).status === 503)
    expect((await fetch(`${url}/v1/models`)).status).toBe(200)
    expect((await chat(url)).status).toBe(500)
    expect(await ended).toBe(0)
  })
})

describe('the lock', () => {
  const ask = async (worker: ReturnType<typeof spawnWorker>, order: string) => {
    worker.stdin?.write(`${order}\n`)
    const [report] = (await once(worker.stdout ?? worker, 'data')) as [Buffer]
    return report.toString().trim()
  }

  test.each(['free', 'left by a dead process', 'left by a process whose id came again'])(
    'goes to exactly one of many that want it at once when it was %s',
    async (before) => {
      const lock = await freshLockFile()
      const workers = Array.from({ length: 6 }, () => spawnWorker(lock))
      // Answered when the process is up, so that they really meet.
      await Promise.all(workers.map((worker) => ask(worker, 'release')))
      for (let round = 0; round < 20; round += 1) {
        const stale = before.includes('dead')
          ? { pid: 2 ** 30, startedAt: `${round}` }
          : { pid: process.pid, startedAt: `${round}` }
        if (before !== 'free') await writeFile(lock, JSON.stringify(stale))
        const reports = await Promise.all(workers.map((worker) => ask(worker, 'take')))
        const winners = reports.filter((report) => report === 'taken')
        expect(winners).toHaveLength(1)
        const winner = workers[reports.indexOf('taken')]
        expect(new Set(reports)).toEqual(new Set(['taken', `busy ${winner?.pid}`]))
        expect(await holderOf(lock)).toBe(winner?.pid)
        if (winner !== undefined) await ask(winner, 'release')
        expect(await readdir(dirname(lock))).toEqual([])
      }
    },
  )

  test('passes on from one killed process to the next', async () => {
    const lock = await freshLockFile()
    for (let round = 0; round < 4; round += 1) {
      const worker = spawnWorker(lock)
      expect(await ask(worker, 'take')).toBe('taken')
      const ended = once(worker, 'exit')
      worker.kill('SIGKILL')
      await ended
    }
    expect(await readdir(dirname(lock))).toEqual(['gpu.lock'])
  })
})
