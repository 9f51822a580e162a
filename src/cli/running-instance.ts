import type { CAC, Command } from 'cac'
import type { CommandAnswer, ModelsAnswer, StatusAnswer } from '../operations/index.ts'
import { optionText } from './command-line.ts'
import { UsageError } from './failure.ts'
import {
  ask,
  openStream,
  type Place,
  type StreamOptions,
  type TextStream,
} from './instance-calls.ts'

const defaultUrl = 'http://127.0.0.1:8080'

/** A vllm-chill that runs somewhere, through its operators' API. All calls throw `CommandFailed`. */
export interface RunningInstance {
  readonly url: string
  status(): Promise<StatusAnswer>
  models(): Promise<ModelsAnswer>
  /** Any other answer in JSON, such as of `stats`. */
  read<T extends object>(path: string, timeoutMs?: number): Promise<T>
  /** An answer that is no JSON, as a whole. */
  readText(path: string): Promise<string>
  /** Accepted; the work has begun behind the answer. */
  command<T extends object = CommandAnswer>(path: string, body: object): Promise<T>
  /** Text as it comes, such as of `events`. */
  stream(path: string, options?: StreamOptions): Promise<TextStream>
}

/** The options of every command that talks to a running instance. */
export function withInstanceOptions(command: Command): Command {
  return command
    .option('--url <url>', `Where vllm-chill listens (env VLLM_CHILL_URL; ${defaultUrl})`)
    .option('--token <token>', 'Operations token (env VLLM_CHILL_OPERATIONS_TOKEN)')
    .option('--json', 'Print JSON')
}

export function runningInstance(
  cli: CAC,
  env: Record<string, string | undefined>,
): RunningInstance {
  return instanceAt({ url: optionText(cli, '--url'), token: optionText(cli, '--token') }, env)
}

/** Where the flags say, or the environment, or by default. */
export function instanceAt(
  flags: { readonly url?: string | undefined; readonly token?: string | undefined },
  env: Record<string, string | undefined>,
): RunningInstance {
  const url = flags.url ?? (env['VLLM_CHILL_URL'] || defaultUrl)
  const token = flags.token ?? env['VLLM_CHILL_OPERATIONS_TOKEN']
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is no URL; write it like ${defaultUrl}`)
  }
  const place: Place = { base: url.replace(/\/+$/, ''), token: token || undefined }
  return {
    url: place.base,
    status: async () => (await ask(place, 'status')) as StatusAnswer,
    models: async () => (await ask(place, 'models')) as ModelsAnswer,
    read: async <T extends object>(path: string, timeoutMs?: number) =>
      (await ask(place, path, undefined, timeoutMs)) as T,
    readText: async (path) => {
      const stream = await openStream(place, path)
      let text = ''
      for await (const part of stream) text += part
      return text
    },
    command: async <T extends object>(path: string, body: object) =>
      (await ask(place, path, body)) as T,
    stream: (path, options) => openStream(place, path, options),
  }
}
