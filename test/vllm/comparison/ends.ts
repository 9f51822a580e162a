import { postJson } from '../../integration/simulator/simulators.ts'
import { eventsOf } from './picture.ts'
import { hi, model } from './request.ts'

/** How a stream ended: the shapes of its last two events, and whether the connection broke. */
export interface StreamEnd {
  readonly path: string
  readonly last: readonly unknown[]
  readonly broken: boolean
}

/** One stream of each API that has them, begun; each is read to its end when asked for it. */
export async function streamsOf(
  url: string,
  tokens: number,
): Promise<(() => Promise<StreamEnd>)[]> {
  const endless = { model, stream: true, max_tokens: tokens, ignore_eos: true }
  const bodies = {
    '/v1/chat/completions': { messages: hi },
    '/v1/completions': { prompt: 'hi' },
    '/v1/responses': { input: 'hi', max_output_tokens: tokens },
  }
  return await Promise.all(
    Object.entries(bodies).map(async ([path, body]) => {
      const answer = await postJson(url + path, { ...endless, ...body })
      return () => endOf(path, answer)
    }),
  )
}

async function endOf(path: string, answer: Response): Promise<StreamEnd> {
  let text = ''
  try {
    for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) text += part
  } catch {
    return { path, last: [], broken: true }
  }
  return { path, last: eventsOf(text).slice(-2), broken: false }
}
