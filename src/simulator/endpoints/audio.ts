import { badRequest, invalidField } from '../api-error.ts'
import { openEventStream } from '../event-stream.ts'
import {
  type Exchange,
  type Handler,
  type Simulation,
  newId,
  plan,
  readModel,
  sendJson,
  speak,
  unixTime,
} from '../simulation.ts'

/** vLLM's default of VLLM_MAX_AUDIO_CLIP_FILESIZE_MB, in bytes. */
const maxFileBytes = 25 * 1024 * 1024

/** Simulated seconds of speech per kibibyte, for the usage that vLLM counts in seconds. */
const secondsPerKibibyte = 1 / 32

/** `POST /v1/audio/transcriptions` and `/v1/audio/translations`: names the file and its size. */
export const audio =
  (task: 'transcribe' | 'translate'): Handler =>
  async (exchange, simulation) => {
    const form = await readForm(exchange)
    const file = form.get('file')
    if (!(file instanceof File)) throw invalidField('missing', 'file', 'Field required')
    const model = readModel(simulation, { model: form.get('model') })
    if (file.size > maxFileBytes) throw badRequest('Maximum file size exceeded', 'file')
    const verb = task === 'transcribe' ? 'heard' : 'translated'
    const answer = plan(simulation, {
      said: `${verb} ${file.name} of ${file.size} bytes`,
      tools: [],
      toolChoice: 'none',
      maxTokens: undefined,
      minTokens: 0,
      ignoreEos: false,
      stop: [],
    })
    if (form.get('stream') === 'true') {
      await stream(exchange, simulation, model, task, answer)
      return
    }
    await speak(simulation, exchange.signal, 0, answer)
    const text = answer.tokens.join('')
    const seconds = Math.ceil((file.size / 1024) * secondsPerKibibyte)
    respond(exchange, form, text, seconds)
  }

async function readForm({ req, raw }: Exchange): Promise<FormData> {
  try {
    const headers = { 'content-type': req.headers['content-type'] ?? '' }
    return await new Response(new Uint8Array(raw), { headers }).formData()
  } catch {
    throw invalidField('missing', 'file', 'Field required')
  }
}

function respond({ res }: Exchange, form: FormData, text: string, seconds: number): void {
  const format = form.get('response_format') ?? 'json'
  if (format === 'text') {
    res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
  } else if (format === 'json') {
    sendJson(res, 200, { text, usage: { type: 'duration', seconds } })
  } else if (format === 'verbose_json') {
    const segments = [{ id: 0, start: 0, end: seconds, text }]
    const language = form.get('language') ?? 'en'
    sendJson(res, 200, { text, language, duration: String(seconds), segments })
  } else {
    throw badRequest('Currently only support response_format: `text`, `json` or `verbose_json`')
  }
}

async function stream(
  exchange: Exchange,
  simulation: Simulation,
  model: string,
  task: 'transcribe' | 'translate',
  answer: ReturnType<typeof plan>,
) {
  const events = openEventStream(exchange, simulation)
  const kind = task === 'transcribe' ? 'transcription' : 'translation'
  const head = { id: newId(task), object: `${kind}.chunk`, created: unixTime(), model }
  const end = await speak(simulation, exchange.signal, 0, answer, (token) =>
    events.send({ ...head, choices: [{ delta: { content: token }, finish_reason: null }] }),
  )
  await events.send({ ...head, choices: [{ delta: { content: '' }, finish_reason: end }] })
  events.end('[DONE]')
}
