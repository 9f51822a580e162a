import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { RequestsAnswer } from '../../../src/operations/index.ts'
import { ask, contentOf } from './conversation.ts'
import { startProgram, type Program } from './program.ts'

function realtime(program: Program, model: string): WebSocket {
  const url = program.url.replace('http', 'ws')
  const socket = new WebSocket(`${url}/v1/realtime?model=${model}`)
  onTestFinished(() => socket.terminate())
  return socket
}

async function message(socket: WebSocket): Promise<object> {
  const [data] = (await once(socket, 'message')) as [Buffer]
  return JSON.parse(data.toString()) as object
}

test('a WebSocket wakes its model, is tunnelled both ways and holds it while it is open', async () => {
  const program = await startProgram({ flags: ['--max-wait', '100ms'] })
  const socket = realtime(program, 'a')
  expect(await message(socket)).toMatchObject({ type: 'session.created', model: 'a' })
  socket.send(JSON.stringify({ type: 'input', text: 'hi' }))
  expect(await message(socket)).toEqual({ type: 'input', text: 'hi' })

  const other = ask(program, 'b')
  await program.untilBackend(({ state }) => state === 'switchingModel.draining')
  expect(await program.backend()).toMatchObject({ leases: 1, blocking: [{ path: '/v1/realtime' }] })
  socket.send(JSON.stringify({ type: 'input', text: 'still here' }))
  expect(await message(socket)).toEqual({ type: 'input', text: 'still here' })
  socket.close()
  expect(await contentOf(await other)).toBe('[b] you said: hi')
})

test('a WebSocket for an unknown model is refused and wakes nothing', async () => {
  const program = await startProgram()
  const socket = realtime(program, 'c')
  const [error] = (await once(socket, 'error')) as [Error]
  expect(error.message).toContain('404')
  expect(program.started()).toEqual([])
})

test('a silent WebSocket is closed at its idle timeout, so that it keeps no GPU awake', async () => {
  const program = await startProgram({
    flags: ['--websocket-idle-timeout', '300ms', '--idle-timeout', '100ms'],
  })
  const socket = realtime(program, 'a')
  await message(socket)
  await once(socket, 'close')
  await program.untilBackend(({ state }) => state === 'cold')
})

test('an operator cancels a WebSocket that is open, and one that waits', async () => {
  const program = await startProgram({ flags: ['--switch-policy', 'patient'] })
  const requests = async () =>
    (await (await fetch(`${program.url}/proxy/requests`)).json()) as RequestsAnswer
  const socket = realtime(program, 'a')
  await message(socket)
  const other = realtime(program, 'b')
  await program.untilBackend(({ waiting }) => waiting.length === 1)
  const { inFlight, waiting } = await requests()

  const refused = once(other, 'error') as Promise<[Error]>
  await program.operate('requests/cancel', { id: waiting[0]!.id })
  expect((await refused)[0].message).toContain('503')
  const closed = once(socket, 'close')
  await program.operate('requests/cancel', { id: inFlight[0]!.id })
  await closed
  expect(await requests()).toMatchObject({ inFlight: [], waiting: [] })
})
