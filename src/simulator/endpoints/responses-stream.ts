import { openEventStream } from '../event-stream.ts'
import type { Json } from '../fields.ts'
import { type Exchange, type Simulation, speak } from '../simulation.ts'
import { type ResponseRequest, outputItem, statusOf } from './response-document.ts'

/** Streams a response as the typed events of the Responses API; returns its last state. */
export async function streamResponse(
  exchange: Exchange,
  simulation: Simulation,
  request: ResponseRequest,
): Promise<Json> {
  const { answer, itemId } = request
  const events = openEventStream(exchange, simulation)
  let sequence_number = 0
  const send = async (type: string, fields: Json) => {
    await events.send({ type, sequence_number, ...fields }, type)
    sequence_number += 1
  }
  const said: string[] = []
  const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
  const inItem = { item_id: itemId, output_index: 0 }
  const inPart = answer.kind === 'tool' ? inItem : { ...inItem, content_index: 0 }
  const kind = answer.kind === 'tool' ? 'response.function_call_arguments' : 'response.output_text'
  const item = (text: string, status: string) => outputItem(answer, request, text, status)

  const opening = request.document('in_progress', [])
  await send('response.created', { response: opening })
  await send('response.in_progress', { response: opening })
  const open = async () => {
    const blank = item('', 'in_progress')
    const start = answer.kind === 'tool' ? blank : { ...blank, content: [] }
    await send('response.output_item.added', { output_index: 0, item: start })
    if (answer.kind === 'text') {
      await send('response.content_part.added', { ...inPart, part: part('') })
    }
  }
  const end = await speak(
    simulation,
    exchange.signal,
    request.promptTokens,
    answer,
    async (token, index) => {
      if (index === 0) await open()
      said.push(token)
      await send(`${kind}.delta`, {
        ...inPart,
        delta: token,
        ...(answer.kind === 'text' ? { logprobs: [] } : {}),
      })
    },
  ).catch((error: unknown) => {
    // The one stream that vLLM breaks off where others end with the error.
    exchange.res.destroy()
    throw error
  })
  const text = said.join('')
  if (said.length > 0) {
    const whole =
      answer.kind === 'tool' ? { arguments: text, name: answer.tool } : { text, logprobs: [] }
    await send(`${kind}.done`, { ...inPart, ...whole })
    if (answer.kind === 'text') {
      await send('response.content_part.done', {
        ...inPart,
        part: { ...part(text), logprobs: null },
      })
    }
    await send('response.output_item.done', { output_index: 0, item: item(text, 'completed') })
  }
  const document = request.document(statusOf(end), said)
  // Also where the document says that it is incomplete.
  await send('response.completed', { response: document })
  events.end()
  return document
}
