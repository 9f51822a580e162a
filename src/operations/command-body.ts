import { z } from 'zod'
import { ChillError } from '../errors/index.ts'

/** The longest command there is has a few hundred bytes. */
const bodyLimitBytes = 64 * 1024

const name = z.string().min(1).max(512)

export const switchCommand = z.strictObject({ model_id: name })
export const pinCommand = z.strictObject({ model: name, pinned: z.boolean() })
/** Request ids have no more. */
export const cancelCommand = z.strictObject({ id: z.string().min(1).max(200) })
export const startCommand = z.strictObject({ backend: name.optional(), model: name.optional() })
export const stopCommand = z.strictObject({
  backend: name.optional(),
  model: name.optional(),
  hold: z.boolean().optional(),
})

/**
 * Reads a command. No body counts as `{}`. Throws `bad_request` (with the field), `invalid_json` or
 * `request_too_large`.
 */
export async function readCommand<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  refuseForms(request)
  const text = await readText(request)
  const result = schema.safeParse(text.trim() === '' ? {} : parse(text))
  if (result.success) return result.data
  const [issue] = result.error.issues
  const unknownKey = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const field = unknownKey ?? issue?.path.join('.')
  throw new ChillError('bad_request', z.prettifyError(result.error), field ? { param: field } : {})
}

/** A form on any page can send these types to us without the browser asking first. */
function refuseForms(request: Request): void {
  const type = request.headers.get('content-type')
  if (type !== null && !/^application\/json *(;|$)/i.test(type)) {
    throw new ChillError(
      'bad_request',
      `Send JSON with \`Content-Type: application/json\` (curl: --json '{…}'), not ${type}.`,
    )
  }
}

async function readText(request: Request): Promise<string> {
  if (request.body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > bodyLimitBytes) {
      throw new ChillError(
        'request_too_large',
        `A command has at most ${bodyLimitBytes} bytes; this one has more.`,
      )
    }
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ChillError('invalid_json', 'The body is not JSON.', { cause })
  }
}
