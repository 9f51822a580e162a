import { parseDuration } from './duration.ts'

/** How many words after the flag belong to it. */
type Arity = 'none' | 'one' | 'many'

export interface Flag<T> {
  readonly arity: Arity
  /** What the value looks like, for the usage text. */
  readonly shape: string
  readonly help: string
  readonly fallback: T
  /** Throws an Error that says what is allowed. */
  parse(words: readonly string[]): T
}

const one = <T>(shape: string, fallback: T, help: string, parse: (word: string) => T): Flag<T> => ({
  arity: 'one',
  shape,
  help,
  fallback,
  parse: (words) => parse(words[0] ?? ''),
})

const text = (shape: string, fallback: string, help: string) =>
  one<string>(shape, fallback, help, (word) => word)

const texts = (shape: string, help: string): Flag<readonly string[]> => ({
  arity: 'many',
  shape,
  help,
  fallback: [],
  parse: (words) => words,
})

const toggle = (help: string): Flag<boolean> => ({
  arity: 'none',
  shape: '',
  help,
  fallback: false,
  parse([word = 'true']) {
    if (/^(1|true|yes|on)$/i.test(word)) return true
    if (/^(0|false|no|off|)$/i.test(word)) return false
    throw new Error('is neither true nor false')
  },
})

const duration = (help: string) =>
  one<number>('<duration>', 0, help, (word) => {
    const ms = parseDuration(word)
    if (ms === undefined) throw new Error('is not a duration such as 500ms, 2s or 1m')
    return ms
  })

function whole(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (word: string): number => {
    const value = Number(word)
    if (/^\d+$/.test(word) && value >= min && value <= max) return value
    throw new Error(
      max === Number.MAX_SAFE_INTEGER
        ? `is not a whole number of at least ${min}`
        : `is not a whole number from ${min} to ${max}`,
    )
  }
}

function real(min: number, max: number) {
  return (word: string): number => {
    const value = Number(word)
    if (word.trim() !== '' && value >= min && value <= max) return value
    throw new Error(
      max === Infinity
        ? `is not a number of at least ${min}`
        : `is not a number from ${min} to ${max}`,
    )
  }
}

/** vLLM reads `32k` as 32,000 and `32K` as 32,768; `auto` and `-1` leave it to the model. */
function modelLength(word: string): number | undefined {
  if (word === 'auto' || word === '-1') return undefined
  const [, digits, suffix] = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(word) ?? []
  const scale = { '': 1, k: 1e3, K: 1024, m: 1e6, M: 1024 ** 2 }[suffix ?? '']
  if (digits === undefined || scale === undefined) {
    throw new Error('is not a number of tokens such as 32768 or 32k')
  }
  return Math.floor(Number(digits) * scale)
}

/** The flags of vLLM that change what the simulator does; all its others are accepted and ignored. */
export const vllmFlags = {
  model: text('<name>', '', 'the model to serve; also as the first word, as in `vllm serve MODEL`'),
  servedModelName: texts('<name...>', 'the names that clients use (default: the model)'),
  host: text('<address>', '0.0.0.0', 'where to listen (default 0.0.0.0)'),
  port: one('<port>', 8000, 'where to listen; 0 takes a free one (default 8000)', whole(0, 65_535)),
  apiKey: texts('<key...>', 'asked for under /v1, /v2 and /inference; also VLLM_API_KEY'),
  maxNumSeqs: one('<n>', 256, 'requests that run at once; the rest queue (default 256)', whole(1)),
  maxModelLen: one<number | undefined>(
    '<tokens>',
    undefined,
    'longest prompt and answer; when given, longer prompts are refused',
    modelLength,
  ),
  tensorParallelSize: one(
    '<n>',
    1,
    'devices used when CUDA_VISIBLE_DEVICES is not set (default 1)',
    whole(1),
  ),
  shutdownTimeout: one(
    '<seconds>',
    0,
    'on SIGTERM, time for requests in flight to end (default 0: they are cut)',
    real(0, Infinity),
  ),
  enableRequestIdHeaders: toggle('answer with X-Request-Id'),
}

/** How the simulated server behaves when all is well. */
export const behaviourFlags = {
  loadTime: duration('how long loading takes'),
  loadingAnswer: one<'refuse' | '503'>(
    '<refuse|503>',
    'refuse',
    'what a client sees before that (default: connection refused)',
    (word) => {
      if (word === 'refuse' || word === '503') return word
      throw new Error('is neither refuse nor 503')
    },
  ),
  ttft: duration('time to the first token'),
  itl: duration('time between tokens'),
  jitter: one('<0..1>', 0, 'share by which these times vary', real(0, 1)),
  devMode: toggle('offer /sleep, /wake_up, /is_sleeping; also VLLM_SERVER_DEV_MODE=1'),
  sleepTime: duration('how long falling asleep takes'),
  wakeTime: duration('how long waking takes'),
  gpuLock: text(
    '<file>',
    '',
    'the simulated GPU; {gpu} stands for each of CUDA_VISIBLE_DEVICES; also VLLM_CHILL_GPU_LOCK',
  ),
  workerLinger: duration('how long the worker, and with it the GPU, outlives the server'),
}

/** What can be made to go wrong. */
export const faultFlags = {
  failLoad: one<number | undefined>(
    '<code>',
    undefined,
    'end loading with this exit code',
    whole(1, 255),
  ),
  hangLoad: toggle('never finish loading'),
  hangRequests: toggle('take inference requests and never answer'),
  errorRate: one('<0..1>', 0, 'share of inference requests answered with 500', real(0, 1)),
  dieAfterChunks: one(
    '<n>',
    0,
    'die in mid-stream, after this many streamed events of the process',
    whole(0),
  ),
  dieAfterRequests: one('<n>', 0, 'die after this many answered inference requests', whole(0)),
  wrongModel: text('<name>', '', 'serve under this name instead of the right one'),
  garbage: toggle('answer with noise'),
  slowStop: duration('time between the end of the work and the exit'),
  ignoreSigterm: toggle('do not stop on SIGTERM or SIGINT'),
}

export const flags = { ...vllmFlags, ...behaviourFlags, ...faultFlags }

export type FlagKey = keyof typeof flags

export type FlagValues = { readonly [K in FlagKey]: (typeof flags)[K]['fallback'] }

/** `maxNumSeqs` → `--max-num-seqs`. */
export const flagName = (key: string): string =>
  `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** `maxNumSeqs` → `VLLM_CHILL_SIMULATE_MAX_NUM_SEQS`. */
export const variableName = (key: string): string =>
  `VLLM_CHILL_SIMULATE_${flagName(key).slice(2).replaceAll('-', '_').toUpperCase()}`
