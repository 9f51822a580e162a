import { exponential, seeded } from '../../src/planning/index.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** A Monday of a small company, from eight to six. */
const began = Date.parse('2026-03-02T08:00:00+01:00')

interface Request {
  readonly at: number
  readonly model: string
  readonly durationMs: number
}

/** How busy the office is, 0 to 1, by hours since eight: two humps with lunch between them. */
function busyness(hours: number): number {
  const hump = (middle: number, width: number) => Math.exp(-(((hours - middle) / width) ** 2))
  return Math.min(1, 0.08 + hump(2.2, 1.4) + 0.9 * hump(6.8, 1.6) - 0.35 * hump(4.5, 0.5))
}

/** Developers: an assistant that is asked a few times in a row, then left alone while one thinks. */
function coding(random: () => number): Request[] {
  const requests: Request[] = []
  for (let at = 0; at < 10 * hour; at += exponential(random, 75 * second)) {
    if (random() > busyness(at / hour)) continue
    const questions = 2 + Math.floor(random() * 16)
    for (let i = 0, next = at; i < questions; i++) {
      const durationMs = Math.round(1_500 + 9_000 * random() ** 2)
      requests.push({ at: next, model: 'qwen3-coder-30b-fp8', durationMs })
      next += durationMs + exponential(random, 12 * second)
    }
  }
  return requests
}

/** Analysts: a question that takes reasoning now and then, and reports before ten and at half past three. */
function reasoning(random: () => number): Request[] {
  const requests: Request[] = []
  const ask = (at: number) => {
    const durationMs = Math.round(12_000 + 40_000 * random() ** 2)
    requests.push({ at, model: 'deepseek-r1-fp8', durationMs })
  }
  for (let at = 0; at < 10 * hour; at += exponential(random, 7 * minute)) {
    if (random() < 1.2 * busyness(at / hour)) ask(at)
  }
  for (const report of [1.7 * hour, 7.5 * hour]) {
    for (let i = 0, at = report; i < 90; i++, at += exponential(random, 6 * second)) ask(at)
  }
  return requests
}

/** The same on each call: `examples/traces/office-day.jsonl`. */
export function officeDay(): string {
  const random = seeded(2026)
  const requests = [...coding(random), ...reasoning(random)].sort((a, b) => a.at - b.at)
  return requests
    .map(({ at, model, durationMs }) => {
      const line = { at: new Date(began + at).toISOString(), model, durationMs }
      return `${JSON.stringify(line)}\n`
    })
    .join('')
}
