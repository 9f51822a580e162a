import { z } from 'zod'

/** A field that another field manager has. */
export interface FieldConflict {
  readonly field: string
  readonly manager: string
}

/** A field that the API server does not take as it is. */
export interface FieldCause {
  readonly field: string
  readonly message: string
}

interface FaultFields {
  /** HTTP status; 0 where there was no answer. */
  readonly code: number
  readonly message: string
  /** The API server's own word, such as `Conflict` or `Forbidden`. */
  readonly reason?: string | undefined
  readonly conflicts?: readonly FieldConflict[]
  readonly causes?: readonly FieldCause[]
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** What the API server said no to, and why, in words for a person. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault'
  readonly code: number
  readonly reason: string | undefined
  readonly conflicts: readonly FieldConflict[]
  readonly causes: readonly FieldCause[]
  readonly retryAfterMs: number | undefined

  constructor(fields: FaultFields) {
    super(fields.message, { cause: fields.cause })
    this.code = fields.code
    this.reason = fields.reason
    this.conflicts = fields.conflicts ?? []
    this.causes = fields.causes ?? []
    this.retryAfterMs = fields.retryAfterMs
  }

  /** It may go better next time: no answer, too many requests, or the server's own trouble. */
  get isPassing(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500
  }
}

const statusSchema = z.object({
  reason: z.string().optional(),
  message: z.string().optional(),
  code: z.number().optional(),
  details: z
    .object({
      retryAfterSeconds: z.number().optional(),
      causes: z
        .array(
          z.object({
            reason: z.string().optional(),
            message: z.string().optional(),
            field: z.string().optional(),
          }),
        )
        .optional(),
    })
    .optional(),
})

/** An answer that is not a success: a `Status` of the API server, or whatever stands before it. */
export function faultOf(
  what: string,
  code: number,
  body: string,
  retryAfter: string | undefined,
): ApiFault {
  const status = readStatus(body)
  const causes = status?.details?.causes ?? []
  const conflicts = causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ field = '', message = '' }) => ({
      field: field.replace(/^\./, ''),
      manager: /conflict with "([^"]+)"/.exec(message)?.[1] ?? message,
    }))
  const seconds = Number(retryAfter ?? status?.details?.retryAfterSeconds)
  return new ApiFault({
    code,
    reason: status?.reason,
    message: `${what}: ${wordsOf(code, status?.message, body, conflicts)}`,
    conflicts,
    causes: causes
      .filter(({ reason }) => reason !== 'FieldManagerConflict')
      .map(({ field = '', message = '' }) => ({ field, message })),
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined,
  })
}

/** No answer at all. */
export function unreachable(what: string, server: string, error: unknown): ApiFault {
  const { code, message } = error as { code?: string; message?: string }
  const why = code === undefined || message?.includes(code) ? message : `${code} ${message}`
  return new ApiFault({
    code: 0,
    message: `${what}: the API server at ${server} does not answer: ${why || String(error)}`,
    cause: error,
  })
}

function readStatus(body: string): z.infer<typeof statusSchema> | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

function wordsOf(
  code: number,
  message: string | undefined,
  body: string,
  conflicts: readonly FieldConflict[],
): string {
  if (conflicts.length > 0) {
    return conflicts.map(({ field, manager }) => `${field} belongs to ${manager}`).join('; ')
  }
  const said = message ?? body.trim().slice(0, 300)
  if (code === 401)
    return `the API server does not know who asks (401): ${said || 'check the credentials'}`
  return said === '' ? `status ${code}` : said
}
