import { Cron } from 'croner'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseDuration } from './durations.ts'
import { explain } from './explain.ts'
import type { Kind } from './kinds.ts'

/** When a model is to be loaded also while nobody asks. */
export interface WarmWindow {
  /** Served name or alias. */
  readonly model: string
  /** Five fields; each time it comes, the window begins. */
  readonly cron: string
  /** A duration: how long it is open, in elapsed time. */
  readonly for: string
  /** IANA name; that of the machine unless given. */
  readonly timeZone?: string | undefined
  /** One that may serve the model is found unless given. */
  readonly backend?: string | undefined
}

const text = z.string().min(1)

const windowSchema = z.strictObject({
  model: text,
  cron: text.refine(comes, {
    error: 'is no cron line of five fields that ever comes, such as 0 8 * * 1-5',
  }),
  for: text.refine((written) => Boolean(parseDuration(written)), {
    error: 'is not a duration from 1ms to 576h with its units, such as 10h or 30m',
  }),
  timeZone: text
    .refine(isTimeZone, { error: 'is no time zone such as Europe/Berlin or UTC' })
    .optional(),
  backend: text.optional(),
})
const windowsSchema = z.array(windowSchema)
const fields = Object.keys(windowSchema.shape)

const example = '[{model: NAME, cron: 0 8 * * 1-5, for: 10h, timeZone: Europe/Berlin}]'
const optional = new Set(['timeZone', 'backend'])

/** In flags and variables it is YAML on one line. */
export const warmWindows: Kind<readonly WarmWindow[]> = {
  unit: '',
  placeholder: 'yaml',
  expects: `a list such as ${example}`,
  read: (raw) => windowsSchema.safeParse(asData(raw)).data,
  explain: (raw) => {
    const data = asData(raw)
    if (!Array.isArray(data)) return [`: expected ${warmWindows.expects}`]
    const { error } = windowsSchema.safeParse(data)
    const faults = explain(error?.issues ?? [], data, () => fields)
    return faults.map(({ message }) => (message.startsWith('[') ? message : `.${message}`))
  },
  show: (windows) => JSON.stringify(windows),
  json: {
    type: 'array',
    items: {
      type: 'object',
      additionalProperties: false,
      required: fields.filter((field) => !optional.has(field)),
      properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])),
    },
  },
}

function asData(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw
  try {
    return parse(raw, { logLevel: 'error' })
  } catch {
    return undefined
  }
}

function comes(line: string): boolean {
  try {
    return new Cron(line, { paused: true, mode: '5-part', timezone: 'UTC' }).nextRun() !== null
  } catch {
    return false
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).format()
    return true
  } catch {
    return false
  }
}
