import { Sequence } from './sequence.ts'

/** One request's work: what it read and the tokens it will say, one after the other. */
export interface Job {
  readonly promptTokens: number
  readonly tokens: readonly string[]
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal
}

/** `aborted`: the client left, the engine was put to sleep, or the server stops; `lost`: it has died. */
export type Outcome = 'finished' | 'aborted' | 'lost'

export interface EngineTiming {
  /** Sequences that run at once; the others wait in the order in which they came. */
  readonly maxNumSeqs: number
  readonly ttftMs: number
  readonly itlMs: number
  /** 0..1, the share by which the two vary. */
  readonly jitter: number
  /** Never says the first token. */
  readonly hangs: boolean
}

/** Told what happens, for the metrics. */
export interface EngineWatcher {
  scheduled(promptTokens: number): void
  /** @param sinceArrivalMs since the request came, queueing included */
  firstToken(sinceArrivalMs: number): void
  token(): void
}

export interface Engine {
  readonly running: number
  readonly waiting: number
  /** Tokens of running sequences, prompt included. */
  readonly cachedTokens: number
  /** Runs a job to its end; `say` may return a promise to slow it down. */
  run(job: Job, say: (token: string, index: number) => Promise<void> | void): Promise<Outcome>
  abortAll(): void
  /** Nothing runs any more, nor will; resolves when the first request has met with that. */
  die(): Promise<void>
  readonly dead: boolean
  /** Resolves when nothing runs and nothing waits. */
  drained(): Promise<void>
}

export function createEngine(timing: EngineTiming, watcher: EngineWatcher): Engine {
  const running = new Set<Sequence>()
  const waiting = new Set<Sequence>()
  let cachedTokens = 0
  let drainWaiters: (() => void)[] = []
  let dead = false
  const { promise: missed, resolve: miss } = Promise.withResolvers<void>()

  const vary = (ms: number) => ms * (1 + timing.jitter * (2 * Math.random() - 1))

  const enter = async (sequence: Sequence) => {
    if (running.size < timing.maxNumSeqs) {
      running.add(sequence)
      return
    }
    waiting.add(sequence)
    await sequence.pause(Infinity)
    waiting.delete(sequence)
  }

  const leave = (sequence: Sequence) => {
    waiting.delete(sequence)
    if (running.delete(sequence)) {
      const [next] = waiting
      if (next !== undefined) {
        // Seated here and not when it wakes, or a newcomer could slip in between.
        waiting.delete(next)
        running.add(next)
        next.resume()
      }
    }
    if (running.size + waiting.size === 0) {
      for (const resolve of drainWaiters) resolve()
      drainWaiters = []
    }
  }

  const generate = async (sequence: Sequence, job: Job, say: Parameters<Engine['run']>[1]) => {
    const arrivedAt = performance.now()
    await enter(sequence)
    if (sequence.aborted) return
    watcher.scheduled(job.promptTokens)
    cachedTokens += sequence.holds(job.promptTokens)
    await sequence.pause(timing.hangs ? Infinity : vary(timing.ttftMs))
    if (sequence.aborted) return
    watcher.firstToken(performance.now() - arrivedAt)
    for (const [index, token] of job.tokens.entries()) {
      if (index > 0 && timing.itlMs > 0) await sequence.pause(vary(timing.itlMs))
      if (sequence.aborted) return
      watcher.token()
      cachedTokens += sequence.holds(1)
      await say(token, index)
    }
  }

  const outcomeOf = (sequence: Sequence): Outcome => {
    if (!sequence.aborted) return 'finished'
    if (dead) miss()
    return dead ? 'lost' : 'aborted'
  }

  return {
    get running() {
      return running.size
    },
    get dead() {
      return dead
    },
    get waiting() {
      return waiting.size
    },
    get cachedTokens() {
      return cachedTokens
    },
    async run(job, say) {
      const sequence = new Sequence()
      const abort = () => {
        sequence.abort()
        leave(sequence)
      }
      sequence.onAbort = abort
      if (dead || job.signal.aborted) {
        sequence.abort()
        return outcomeOf(sequence)
      }
      job.signal.addEventListener('abort', abort, { once: true })
      try {
        await generate(sequence, job, say)
        return outcomeOf(sequence)
      } finally {
        job.signal.removeEventListener('abort', abort)
        cachedTokens -= sequence.held
        leave(sequence)
      }
    },
    abortAll() {
      for (const sequence of [...waiting, ...running]) sequence.onAbort()
    },
    die() {
      dead = true
      for (const sequence of [...waiting, ...running]) sequence.onAbort()
      return missed
    },
    async drained() {
      if (running.size + waiting.size === 0) return
      await new Promise<void>((resolve) => {
        drainWaiters.push(resolve)
      })
    },
  }
}
