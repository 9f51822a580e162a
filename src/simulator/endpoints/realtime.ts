import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RawData } from 'ws'
import { unknownModel } from '../api-error.ts'
import { type Json, isObject, optionalText } from '../fields.ts'
import { type Simulation, newId, unixTime } from '../simulation.ts'

/**
 * WebSocket `/v1/realtime`: greets with `session.created`, checks the model of `session.update`,
 * and sends every other event back as it came.
 */
export async function realtime(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { options }: Simulation,
): Promise<void> {
  // Loaded on demand: most simulators never see a WebSocket, and all of them must start fast.
  const { WebSocketServer } = await import('ws')
  new WebSocketServer({ noServer: true }).handleUpgrade(req, socket, head, (client) => {
    const send = (event: Json) => client.send(JSON.stringify(event))
    send({
      type: 'session.created',
      id: newId('sess'),
      created: unixTime(),
      model: options.servedNames[0],
    })
    client.on('error', () => client.terminate())
    client.on('message', (data, isBinary) => {
      const event = isBinary ? undefined : parse(data)
      if (event === undefined) send({ type: 'error', error: 'Invalid JSON', code: 'invalid_json' })
      else send(answerTo(event, options.servedNames))
    })
  })
}

function parse(data: RawData): Json | undefined {
  try {
    const event: unknown = JSON.parse((data as Buffer).toString('utf8'))
    return isObject(event) ? event : undefined
  } catch {
    return undefined
  }
}

function answerTo(event: Json, servedNames: readonly string[]): Json {
  if (event['type'] !== 'session.update') return event
  const session = isObject(event['session']) ? event['session'] : event
  const model = optionalText(session, 'model') ?? servedNames[0] ?? ''
  return servedNames.includes(model)
    ? { type: 'session.updated', model }
    : { type: 'error', error: unknownModel(model, servedNames).message, code: 'model_not_found' }
}
