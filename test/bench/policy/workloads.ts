import { exponential, seeded, type Arrival, type Workload } from '../../../src/planning/index.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const usual = { unloadMs: 3 * second, maxInFlight: 16, maxWaitMs: minute, untilMs: 2 * hour }
/** What a request of a conversation usually takes. */
const requestMs = 8 * second

function loads(...models: readonly string[]): Record<string, number> {
  return Object.fromEntries(models.map((model) => [model, 40 * second]))
}

/** Requests that come independently of each other, on average one in `everyMs`. */
function steady(seed: number, everyMs: number, choose: (at: number) => string): Arrival[] {
  const random = seeded(seed)
  const arrivals: Arrival[] = []
  for (let at = 0; ;) {
    at += exponential(random, everyMs)
    if (at >= usual.untilMs) return arrivals
    const durationMs = Math.round(requestMs * (0.5 + random()))
    arrivals.push({ at, model: choose(random()), durationMs })
  }
}

const inOrder = (...parts: readonly Arrival[][]) => parts.flat().sort((a, b) => a.at - b.at)

/** One model is asked all the time, the other every ten minutes. */
const hotAndRare: Workload = {
  ...usual,
  name: 'one hot, one rare',
  loadMs: loads('hot', 'rare'),
  arrivals: inOrder(
    steady(1, second, () => 'hot'),
    steady(2, 10 * minute, () => 'rare'),
  ),
}

/** Every half hour five minutes in which two clients take turns, a request every ten seconds. */
const alternating: Workload = {
  ...usual,
  name: 'alternating bursts',
  loadMs: loads('a', 'b'),
  arrivals: Array.from({ length: usual.untilMs / (30 * minute) }, (_, turn) =>
    Array.from({ length: 30 }, (_, i): Arrival => ({
      at: turn * 30 * minute + i * 10 * second,
      model: i % 2 === 0 ? 'a' : 'b',
      durationMs: requestMs,
    })),
  ).flat(),
}

/** The same where a switch costs less than to wait for it. */
const quickLoads: Workload = {
  ...alternating,
  name: 'alternating, quick loads',
  loadMs: { a: 10 * second, b: 10 * second },
}

const shares = [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
const whole = shares.reduce((sum, share) => sum + share, 0)

/** Five models, the n-th asked 1/n as often as the first. */
const zipf: Workload = {
  ...usual,
  name: 'five by Zipf',
  loadMs: loads('m1', 'm2', 'm3', 'm4', 'm5'),
  arrivals: steady(3, 4 * second, (random) => {
    let left = random * whole
    const index = shares.findIndex((share) => (left -= share) < 0)
    return `m${index + 1}`
  }),
}

/** Thirty requests at once for one of three models, every three minutes. */
const bursts: Workload = {
  ...usual,
  name: 'bursts',
  loadMs: loads('a', 'b', 'c'),
  arrivals: Array.from({ length: usual.untilMs / (3 * minute) }, (_, turn) =>
    Array.from({ length: 30 }, (_, i): Arrival => ({
      at: turn * 3 * minute + i * 100,
      model: ['a', 'b', 'c'][turn % 3]!,
      durationMs: requestMs,
    })),
  ).flat(),
}

/** Against fifo: two models in strict alternation, one request every five seconds. */
const againstFifo: Workload = {
  ...usual,
  name: 'against fifo',
  loadMs: loads('a', 'b'),
  arrivals: Array.from({ length: usual.untilMs / (5 * second) }, (_, i): Arrival => ({
    at: i * 5 * second,
    model: i % 2 === 0 ? 'a' : 'b',
    durationMs: requestMs,
  })),
}

/** Against sticky: one model is never free, and another is asked often. */
const againstSticky: Workload = {
  ...usual,
  name: 'against sticky',
  loadMs: loads('a', 'b'),
  arrivals: inOrder(
    Array.from({ length: usual.untilMs / (2 * second) }, (_, i): Arrival => ({
      at: i * 2 * second,
      model: 'a',
      durationMs: requestMs,
    })),
    steady(5, minute, () => 'b'),
  ),
}

/** Against fair: the other model's only request goes over maxWait just as the first is busiest. */
const againstFair: Workload = {
  ...usual,
  name: 'against fair',
  loadMs: loads('a', 'b'),
  arrivals: inOrder(
    steady(6, second, () => 'a'),
    Array.from({ length: usual.untilMs / (200 * second) }, (_, i): Arrival => ({
      at: 50 * second + i * 200 * second,
      model: 'b',
      durationMs: requestMs,
    })),
  ),
}

export const workloads: readonly Workload[] = [
  hotAndRare,
  alternating,
  quickLoads,
  zipf,
  bursts,
  againstFifo,
  againstSticky,
  againstFair,
]

/** Small enough to search all schedules of it; the seed says all. */
export function smallInstance(seed: number): Workload {
  const random = seeded(seed)
  const whole = (least: number, most: number) =>
    (least + Math.floor(random() * (most - least + 1))) * second
  const models = ['a', 'b', 'c'].slice(0, random() < 0.5 ? 2 : 3)
  const loadMs = Object.fromEntries(models.map((model) => [model, whole(10, 60)]))
  const arrivals = Array.from({ length: 3 + Math.floor(random() * 5) }, (): Arrival => ({
    at: whole(0, 180),
    model: models[Math.floor(random() * models.length)]!,
    durationMs: whole(1, 30),
  })).sort((a, b) => a.at - b.at)
  return {
    name: `small ${seed}`,
    loadMs,
    unloadMs: 3 * second,
    maxInFlight: 100,
    maxWaitMs: minute,
    arrivals,
    untilMs: hour,
  }
}
