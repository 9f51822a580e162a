import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createMachine } from 'xstate'
import { readChart, type Chart } from '../../../src/charts/graph.ts'
import { charts } from '../../../src/charts/named.ts'
import { contentOf, ask, saying } from './conversation.ts'
import { startProgram, type Program } from './program.ts'
import { until } from './log-lines.ts'

type ActorEvent = Extract<StatelyInspectionEvent, { type: '@xstate.actor' }>
type SnapshotEvent = Extract<StatelyInspectionEvent, { type: '@xstate.snapshot' }>

const prompt = 'the moon is made of cheese'
const key = 'k3y-of-the-hub'
const spec = { env: { HF_TOKEN: key } }

function socketOf({ url }: Pick<Program, 'url'>): string {
  return `${url.replace('http', 'ws')}/proxy/inspect/socket`
}

/** Stately's own receiver, which reads what a viewer reads. */
function view(program: Pick<Program, 'url'>) {
  const seen: StatelyInspectionEvent[] = []
  const receiver = createWebSocketReceiver({ server: socketOf(program) })
  receiver.subscribe((event) => void seen.push(event))
  const actor = (name: string) =>
    seen.find((event): event is ActorEvent => event.type === '@xstate.actor' && event.name === name)
  return {
    seen,
    actor,
    /** Of this actor, the newest first. */
    snapshots: (name: string) =>
      seen
        .filter(
          (event): event is SnapshotEvent =>
            event.type === '@xstate.snapshot' && event.sessionId === actor(name)?.sessionId,
        )
        .map(({ snapshot }) => snapshot as unknown as { value: unknown; context: object })
        .toReversed(),
    until: (what: () => boolean) =>
      until(
        async () => what(),
        () => `${String(what)} of ${JSON.stringify(seen.slice(-5))}`,
      ),
  }
}

function pathsOf({ states }: Chart): Set<string> {
  return new Set(states.map(({ path }) => path))
}

/** The answer to a handshake: 101, or the refusal. */
function handshake(url: string, protocols: string[], headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, protocols, { headers })
  onTestFinished(() => socket.terminate())
  return new Promise<number>((resolve, reject) => {
    socket.on('open', () => resolve(101))
    socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode ?? 0))
    socket.on('error', reject)
  })
}

test('a viewer that joins late has all actors, and then sees what happens', async () => {
  const program = await startProgram({ models: { a: spec, b: spec }, flags: ['--inspect'] })
  const answer = await ask(program, 'a', { messages: saying(prompt) })
  expect(await contentOf(answer)).toContain(prompt)
  await program.untilBackend(({ state }) => state === 'ready.quiet')

  const late = view(program)
  await late.until(() => late.snapshots('vllm').length > 0)
  const [fleet, backend] = [late.actor('fleet'), late.actor('vllm')]
  expect(fleet).toMatchObject({ snapshot: { status: 'active' }, rootId: fleet?.sessionId })
  expect(backend).toMatchObject({ parentId: fleet?.sessionId, rootId: fleet?.sessionId })
  expect(late.snapshots('fleet')[0]).toMatchObject({
    value: 'supervising',
    context: { backends: ['vllm'], models: ['a', 'b'] },
  })
  expect(late.snapshots('vllm')[0]).toMatchObject({
    value: { ready: 'quiet' },
    context: { model: 'a', generation: 1, demand: { leases: 0, waiting: [] } },
  })
  // The viewer draws it from this.
  const drawn = readChart(createMachine(JSON.parse(backend?.definition ?? '{}')))
  const ours = readChart(charts.backend.machine)
  expect(pathsOf(drawn)).toEqual(pathsOf(ours))
  expect(drawn.transitions).toHaveLength(ours.transitions.length)
  // What runs in the state that it is in; what has ended is of the past.
  const running = late.seen.filter(
    (event) => event.type === '@xstate.actor' && event.parentId === backend?.sessionId,
  )
  expect(running).toHaveLength(3)

  const before = late.seen.length
  expect(await contentOf(await ask(program, 'b', { messages: saying(prompt) }))).toContain(prompt)
  await late.until(() => {
    const [last] = late.snapshots('vllm')
    return JSON.stringify(last).includes('"quiet"') && JSON.stringify(last).includes('"b"')
  })
  const happened = late.seen.slice(before)
  expect(happened).toContainEqual(
    expect.objectContaining({
      type: '@xstate.event',
      sessionId: backend?.sessionId,
      event: expect.objectContaining({ type: 'demand changed' }),
    }),
  )
  const values = late.snapshots('vllm').map(({ value }) => JSON.stringify(value))
  for (const value of ['{"switchingModel":"unloading"}', '"creatingResources"', '"scalingUp"'])
    expect(values).toContain(value)

  const everything = JSON.stringify(late.seen)
  for (const secret of [prompt, 'moon', key, 'HF_TOKEN', 'org/a'])
    expect(everything).not.toContain(secret)
})

test('with a token it is asked for, also in the way that a browser can give it', async () => {
  const flags = ['--inspect', '--operations-token', 's3cret']
  const program = await startProgram({ models: { a: {} }, flags })
  const url = socketOf(program)
  const word = (token: string) => `bearer.${Buffer.from(token).toString('base64url')}`
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  expect(await handshake(url, [])).toBe(403)
  expect(await handshake(url, ['vllm-chill-inspect', word('wrong')])).toBe(403)
  expect(await handshake(url, ['vllm-chill-inspect', word('s3cret')])).toBe(101)
  expect(await handshake(url, [], bearer('s3cret'))).toBe(101)
  const foreign = { ...bearer('s3cret'), origin: 'https://elsewhere.example' }
  expect(await handshake(url, [], foreign)).toBe(403)

  // The page has no secret, and may load nothing of others but the viewer.
  const page = await fetch(`${program.url}/proxy/inspect`)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; .*frame-src https:\/\/stately\.ai/,
  )
  const text = await page.text()
  const files = Array.from(text.matchAll(/(?:src|href)="([^"]+)"/g), ([, file]) => file!)
  expect(files).toEqual([
    '/proxy/inspect/viewer.css',
    '/proxy/inspect/viewer.js',
    'https://stately.ai/inspect',
  ])
  const own = files.filter((file) => file.startsWith('/'))
  const answers = await Promise.all(own.map((file) => fetch(program.url + file)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
})

test('on the port of the operators only, where they have one', async () => {
  const flags = ['--inspect', '--operations-port', '0']
  const program = await startProgram({ models: { a: {} }, flags })
  const { operationsUrl } = await program.waitForLog(
    ({ operationsUrl }) => operationsUrl !== undefined,
  )
  expect(await handshake(socketOf(program), [])).toBe(404)
  const operations = { url: String(operationsUrl) }
  const viewer = view(operations)
  await viewer.until(() => viewer.actor('fleet') !== undefined)
  expect(await handshake(`${operations.url.replace('http', 'ws')}/proxy/status`, [])).toBe(200)
})

test('without the flag there is nothing to look at', async () => {
  const program = await startProgram({ models: { a: {} } })
  expect(await handshake(socketOf(program), [])).toBe(404)
  expect((await fetch(`${program.url}/proxy/inspect`)).status).toBe(404)
})
