import { expect, test } from 'vitest'
import { ask, contentOf, waitedMs } from './conversation.ts'
import { says } from './log-lines.ts'
import { startProgram } from './program.ts'

test('a start whose clients have all left is finished, and who comes back finds it', async () => {
  const program = await startProgram({ simulate: '--load-time 600ms' })
  const clients = Array.from({ length: 20 }, () => new AbortController())
  const waits = clients.map(({ signal }) => ask(program, 'a', {}, { signal }))
  await program.untilBackend(({ waiting }) => waiting[0]?.count === 20)
  for (const client of clients) client.abort()
  const ends = await Promise.allSettled(waits)
  expect(ends.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'rejected'))

  const left = await program.untilBackend(({ waiting }) => waiting.length === 0)
  expect(left.state).toMatch(/^(creatingResources|scalingUp)$/)
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  const answer = await ask(program, 'a')
  expect(waitedMs(answer)).toBe(0)
  expect(await contentOf(answer)).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(1)

  const stats = (await (await fetch(`${program.url}/proxy/stats`)).json()) as object
  expect(stats).toMatchObject({ requests_in_flight: 0, requests_waiting: 0, bytes_waiting: 0 })
  await program.waitForLog(says('client_left'))
})

test('who leaves before a switch has begun takes its reason along', async () => {
  const program = await startProgram({ models: { a: {}, b: {} }, simulate: '--itl 10ms' })
  await ask(program, 'a')
  const busy = ask(program, 'a', { max_tokens: 60, ignore_eos: true })
  await program.untilBackend(({ leases }) => leases === 1)
  const client = new AbortController()
  const wait = ask(program, 'b', {}, { signal: client.signal })
  await program.untilBackend(({ waiting }) => waiting.length === 1)
  client.abort()
  await expect(wait).rejects.toThrow('abort')
  await program.untilBackend(({ waiting }) => waiting.length === 0)
  expect((await busy).status).toBe(200)
  expect(waitedMs(await ask(program, 'a'))).toBe(0)
  expect(program.started().map(({ model }) => model)).toEqual(['a'])
})

test('a stream whose client leaves gives its place back and ends in the backend too', async () => {
  const program = await startProgram({ models: { a: { maxInFlight: 1 } }, simulate: '--itl 20ms' })
  await ask(program, 'a', { max_tokens: 1 })
  const client = new AbortController()
  const endless = { stream: true, ignore_eos: true, max_tokens: 30_000 }
  const answer = await ask(program, 'a', endless, { signal: client.signal })
  await answer.body?.getReader().read()
  const next = ask(program, 'a', { max_tokens: 1 })
  await program.untilBackend(({ waiting }) => waiting.length === 1)
  client.abort()
  expect((await next).status).toBe(200)
  const { endpoints } = await program.untilBackend(({ state }) => state === 'ready.quiet')
  const metrics = await (await fetch(`${endpoints[0]?.url}/metrics`)).text()
  expect(metrics).toMatch(/^vllm:num_requests_running\{[^}]*\} 0(\.0)?$/m)
})
