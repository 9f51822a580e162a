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

type Cause = NonNullable<NonNullable<z.infer<typeof statusSchema>['details']>['causes']>[number]

/** An answer that is not a success: a `Status` of the API server, or whatever stands before it. */
export function faultOf(
  what: string,
  code: number,
  body: string,
  retryAfter: string | undefined,
): ApiFault {
  const status = readStatus(body)
  const untyped = causesOfUntyped(code, status?.message)
  const causes = [...(status?.details?.causes ?? []), ...untyped]
  const conflicts = causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ field = '', message = '' }) => ({
      field: field.replace(/^\./, ''),
      manager: /conflict with "([^"]+)"/.exec(message)?.[1] ?? message,
    }))
  const seconds = Number(retryAfter ?? status?.details?.retryAfterSeconds)
  return new ApiFault({
    code: untyped.length > 0 ? 400 : code,
    reason: status?.reason,
    message: `${what}: ${wordsOf(code, status ? (status.message ?? '') : excerptOf(body), conflicts)}`,
    conflicts,
    causes: causes
      .filter(({ reason }) => reason !== 'FieldManagerConflict')
      .map(({ field = '', message = '' }) => ({ field, message })),
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined,
  })
}

/** No answer at all. */
export function unreachable(what: string, server: string, error: unknown): ApiFault {
  const why = isDistrusted(error)
    ? `cannot be trusted: ${inWords(error)}; check the certificate authority of the kubeconfig`
    : `does not answer: ${inWords(error)}`
  return new ApiFault({
    code: 0,
    message: `${what}: the API server at ${server} ${why}`,
    cause: error,
  })
}

/** Nothing was asked: a plugin, a token or a certificate file failed. */
export function withoutCredentials(what: string, error: unknown): ApiFault {
  return new ApiFault({
    code: 0,
    message: `${what}: the credentials cannot be had: ${inWords(error)}`,
    cause: error,
  })
}

/** Whoever answered has a certificate that we do not accept. */
export function isDistrusted(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /CERT|^UNABLE_TO_/.test(code)
}

/** A success whose body is not what an API server says. */
export function notAnApiServer(what: string, server: string, error: unknown): ApiFault {
  return new ApiFault({
    code: 0,
    message: `${what}: what answers at ${server} is no API server, or not all of its answer came`,
    cause: error,
  })
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it took too long'
  const { code, message } = error as NodeJS.ErrnoException
  // Addresses that were all tried in vain come without a message.
  const causes = error instanceof AggregateError ? error.errors.map(inWords).join(', ') : ''
  const said = message.trim() || causes
  if (typeof code !== 'string' || said.includes(code)) return said || error.name
  return `${code} ${said}`.trim()
}

/**
 * A server-side apply of what does not fit its type (an unknown field, say) is answered with 500, as
 * if it were trouble of the server's own that passes.
 */
function causesOfUntyped(code: number, message = ''): Cause[] {
  if (code !== 500 || !message.startsWith('failed to create typed patch object')) return []
  const lines = message.matchAll(/(?:^|\s)\.(?<field>[\w.[\]"=/-]+): (?<message>.+)$/gm)
  return Array.from(lines, ({ groups }) => ({
    field: groups?.['field'] ?? '',
    message: groups?.['message'] ?? '',
  }))
}

function readStatus(body: string): z.infer<typeof statusSchema> | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

/** Of what stands before the API server; its pages are of no use. */
function excerptOf(body: string): string {
  const said = body.trim()
  return said.startsWith('<') ? '' : said.slice(0, 300)
}

function wordsOf(code: number, said: string, conflicts: readonly FieldConflict[]): string {
  if (conflicts.length > 0) {
    return conflicts.map(({ field, manager }) => `${field} belongs to ${manager}`).join('; ')
  }
  if (code === 401)
    return `the API server does not know who asks (401): ${said || 'check the credentials'}`
  if (code === 403) return refusal(said)
  if (code === 404 && said.startsWith('404 page not found'))
    return 'the API server knows no such kind; is its CustomResourceDefinition installed?'
  return said === '' ? `status ${code}` : said
}

const missingRight =
  /User "(?<user>[^"]+)" cannot (?<verb>\w+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?/

/** Either RBAC has not allowed it, or something has looked at the object: a quota, a policy. */
function refusal(said: string): string {
  const { user, verb, resource, group, namespace } = missingRight.exec(said)?.groups ?? {}
  if (user === undefined) {
    const why = said.replace(/^\S+ "[^"]*" is forbidden: /, '')
    return why === '' ? 'refused (403)' : `refused: ${why}`
  }
  const what = group ? `${resource} of ${group}` : resource
  const where = namespace ? `in the namespace ${namespace}` : 'in the whole cluster'
  return `${user} lacks the right to ${verb} ${what} ${where} (403)`
}
