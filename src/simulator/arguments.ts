import { type FlagKey, type FlagValues, flagName, flags, variableName } from './flags.ts'
import { gpuLockFiles } from './gpu-lock-files.ts'

export interface SimulatorOptions extends FlagValues {
  /** What clients call the model; the first one signs the answers. */
  readonly servedNames: readonly [string, ...string[]]
  /** One per simulated device; empty: no GPU is simulated. */
  readonly gpuLockFiles: readonly string[]
  /** Flags that are vLLM's own, or nobody's; accepted, without effect. */
  readonly ignoredFlags: readonly string[]
}

/** A command line that cannot be understood; the process ends with code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

type Environment = Readonly<Record<string, string | undefined>>

const keysByName = new Map((Object.keys(flags) as FlagKey[]).map((key) => [flagName(key), key]))
keysByName.set('-tp', 'tensorParallelSize')

/** Variables that mean something to vLLM or to the whole of vllm-chill, weaker than our own. */
const sharedVariables: Partial<Record<FlagKey, string>> = {
  apiKey: 'VLLM_API_KEY',
  devMode: 'VLLM_SERVER_DEV_MODE',
  gpuLock: 'VLLM_CHILL_GPU_LOCK',
}

/**
 * Reads a command line written for `vllm serve`, or for us.
 * Precedence: flag > `VLLM_CHILL_SIMULATE_…` > vLLM's variable > default.
 *
 * A flag that we do not know is vLLM's: it and the words after it are skipped. Because nobody tells
 * us which of those flags are bare, a positional model must not come after one of them.
 *
 * @throws UsageError when one of our flags has a bad value, or no model is named
 */
export function parseSimulatorArguments(
  argv: readonly string[],
  environment: Environment = process.env,
): SimulatorOptions {
  const words = argv[0] === 'serve' ? argv.slice(1) : [...argv]
  const { given, positional, ignored } = readWords(words)
  const values: Record<string, unknown> = {}
  for (const key of Object.keys(flags) as FlagKey[]) {
    values[key] =
      given.get(key) ??
      fromEnvironment(key, variableName(key), environment) ??
      fromEnvironment(key, sharedVariables[key], environment) ??
      flags[key].fallback
  }
  if (values['model'] === '') values['model'] = positional ?? ''
  const read = values as unknown as FlagValues
  const [first, ...rest] = servedNames(read)
  if (!first) {
    throw new UsageError('no model: name one with --model, or as the first word')
  }
  return {
    ...read,
    model: read.model || first,
    servedNames: [first, ...rest],
    gpuLockFiles: gpuLockFiles(
      read.gpuLock,
      environment['CUDA_VISIBLE_DEVICES'],
      read.tensorParallelSize,
    ),
    ignoredFlags: ignored,
  }
}

function servedNames(read: FlagValues): readonly string[] {
  if (read.wrongModel !== '') return [read.wrongModel]
  return read.servedModelName.length > 0 ? read.servedModelName : [read.model]
}

interface Words {
  readonly given: ReadonlyMap<FlagKey, unknown>
  readonly positional: string | undefined
  readonly ignored: readonly string[]
}

function readWords(words: string[]): Words {
  const given = new Map<FlagKey, unknown>()
  const ignored: string[] = []
  let positional: string | undefined
  while (words.length > 0) {
    const word = words.shift() ?? ''
    if (!isFlag(word)) {
      positional ??= word
      continue
    }
    const { name, inline } = splitFlag(word)
    const key = keysByName.get(name)
    if (key !== undefined) given.set(key, read(key, name, takeWords(key, inline, words)))
    else if (isNegated(name)) given.set(isNegated(name) as FlagKey, false)
    else {
      ignored.push(name)
      while (words.length > 0 && !isFlag(words[0])) words.shift()
    }
  }
  return { given, positional, ignored }
}

const isFlag = (word: string | undefined): boolean => word === undefined || word.startsWith('-')

/** vLLM's parser takes `--max_num_seqs=8` for `--max-num-seqs 8`. */
function splitFlag(word: string): { name: string; inline: string | undefined } {
  const at = word.indexOf('=')
  const name = at < 0 ? word : word.slice(0, at)
  return {
    name: name.startsWith('--') ? name.replaceAll('_', '-') : name,
    inline: at < 0 ? undefined : word.slice(at + 1),
  }
}

function isNegated(name: string): FlagKey | undefined {
  const key = name.startsWith('--no-') ? keysByName.get(`--${name.slice(5)}`) : undefined
  return key !== undefined && flags[key].arity === 'none' ? key : undefined
}

function takeWords(key: FlagKey, inline: string | undefined, words: string[]): string[] {
  if (inline !== undefined) return [inline]
  const { arity } = flags[key]
  if (arity === 'none') return /^(true|false)$/i.test(words[0] ?? '') ? words.splice(0, 1) : []
  if (arity === 'one') return words[0]?.startsWith('--') ? [] : words.splice(0, 1)
  const end = words.findIndex((word) => isFlag(word))
  return words.splice(0, end < 0 ? words.length : end)
}

function fromEnvironment(key: FlagKey, name: string | undefined, environment: Environment) {
  const value = name === undefined ? undefined : environment[name]
  if (name === undefined || value === undefined || value === '') return undefined
  return read(key, name, flags[key].arity === 'many' ? value.split(/[\s,]+/) : [value])
}

function read(key: FlagKey, name: string, words: readonly string[]): unknown {
  const flag = flags[key]
  if (words.length === 0 && flag.arity !== 'none') {
    throw new UsageError(`${name} needs a value: ${flag.shape}`)
  }
  try {
    return flag.parse(words)
  } catch (error) {
    throw new UsageError(`${name}: "${words.join(' ')}" ${(error as Error).message}`, {
      cause: error,
    })
  }
}
