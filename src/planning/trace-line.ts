/** What one line of a trace says. */
export type TraceLine =
  /** Somebody asked for a model. `durationMs` from its lease to its last byte; undefined: not known. */
  | {
      readonly is: 'request'
      /** ms; Unix time, or since the begin of the trace. */
      readonly at: number
      readonly model: string
      readonly durationMs: number | undefined
    }
  /** A backend got so far with a load; the sum of its steps is what the load took. */
  | {
      readonly is: 'load step'
      readonly backend: string
      readonly model: string
      readonly ms: number
      readonly state: 'begun' | 'ready'
    }
  /** Something else of a log. */
  | { readonly is: 'other' }
  /** A person must mend it. */
  | { readonly is: 'wrong'; readonly why: string }

const other: TraceLine = { is: 'other' }
const wrong = (why: string): TraceLine => ({ is: 'wrong', why })

/** Of a recorded trace (`at`, `model`, and `durationMs` or `tokens`), or of vllm-chill's own log. */
export function readTraceLine(text: string, msPerToken: number): TraceLine {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch {
    return wrong('is not JSON; a log must have been written with `logFormat: json`')
  }
  if (typeof line !== 'object' || line === null || Array.isArray(line)) {
    return wrong('is not a JSON object such as {"at": 12.5, "model": "name", "durationMs": 800}')
  }
  const fields = line as Record<string, unknown>
  if ('at' in fields) return traced(fields, msPerToken)
  if ('time' in fields && 'msg' in fields) return logged(fields)
  return wrong('has no `at`')
}

function traced(
  { at, model, durationMs, tokens }: Record<string, unknown>,
  msPerToken: number,
): TraceLine {
  const atMs = typeof at === 'number' ? at * 1_000 : typeof at === 'string' ? Date.parse(at) : NaN
  if (!Number.isFinite(atMs)) {
    return wrong(`at: ${shown(at)} is neither a number of seconds nor a time such as ${example}`)
  }
  if (typeof model !== 'string' || model === '') return wrong('has no `model`')
  if (durationMs === undefined && tokens === undefined) {
    return wrong('has neither `durationMs` nor `tokens` (those that were generated)')
  }
  const [name, value] =
    durationMs === undefined ? (['tokens', tokens] as const) : (['durationMs', durationMs] as const)
  if (!isAmount(value)) return wrong(`${name}: ${shown(value)} is not a number of at least 0`)
  const ms = name === 'tokens' ? value * msPerToken : value
  return { is: 'request', at: atMs, model, durationMs: ms }
}

const example = '2026-03-02T08:00:00Z'

function logged(fields: Record<string, unknown>): TraceLine {
  const { time, model, backend } = fields
  const at = typeof time === 'number' ? time : Date.parse(String(time))
  if (typeof model !== 'string' || !Number.isFinite(at)) return other
  if (typeof fields['route'] === 'string' && isAmount(fields['durationMs'])) {
    return answered(fields, at, model, fields['durationMs'])
  }
  const { from, to, afterMs: ms } = fields
  if (typeof backend !== 'string' || typeof to !== 'string' || !isAmount(ms)) return other
  if (from === 'creatingResources' && to === 'scalingUp') {
    return { is: 'load step', backend, model, ms, state: 'begun' }
  }
  if (from === 'scalingUp' && to.startsWith('ready')) {
    return { is: 'load step', backend, model, ms, state: 'ready' }
  }
  return other
}

/** The line of a request is written at its end. */
function answered(
  { status, waitedMs, backend }: Record<string, unknown>,
  endedAt: number,
  model: string,
  durationMs: number,
): TraceLine {
  const at = endedAt - durationMs
  const wasServed = backend !== undefined && Number(status) < 500
  if (wasServed) {
    const waited = isAmount(waitedMs) ? waitedMs : 0
    return { is: 'request', at, model, durationMs: Math.max(0, durationMs - waited) }
  }
  // It would have been served, had the GPU been free: left waiting, turned away, or its backend died.
  const wasWanted = status === 499 || status === 429 || Number(status) >= 500
  return wasWanted ? { is: 'request', at, model, durationMs: undefined } : other
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function shown(value: unknown): string {
  return JSON.stringify(value)
}
