import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { BackendStatus, StatusAnswer } from '../../../src/operations/index.ts'
import { LogLines, says } from '../../integration/serve/log-lines.ts'
import { modelsFolder, type Spec } from '../../integration/serve/models.ts'
import { killIfThere, livingOf, runIdName } from '../../integration/serve/processes.ts'
import { entry } from '../../integration/serve/program.ts'
import { frugalArguments, modelFolders, vllmEnvironment } from '../environment/cache.ts'
import { until } from '../patience.ts'

/** `vllm-chill serve --models …` with the real `vllm serve` as its command. */
export interface Program {
  readonly url: string
  readonly log: LogLines
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  signal(name: NodeJS.Signals): void
  backend(): Promise<BackendStatus>
  untilState(state: string): Promise<void>
  /** Launches so far, and the pid of each. */
  launches(): { model: string; pid: number }[]
  /** Everything alive that it has started, itself included. */
  living(): Promise<number[]>
}

/** A manifest's fields for a tiny model that is served under another name. */
export const tiny = (size: keyof typeof modelFolders, fields: Spec = {}): Spec => ({
  modelName: modelFolders[size],
  maxModelLen: 512,
  maxNumBatchedTokens: 512,
  maxNumSeqs: 4,
  gpuMemoryUtilization: 0.1,
  extraArgs: frugalArguments.slice(-1),
  ...fields,
})

/** Starts the program and ends it, with everything it started, when the test is over. */
export async function startProgram(
  models: Readonly<Record<string, Spec>>,
  flags: readonly string[] = [],
): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'vllm-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const manifests = modelsFolder(join(folder, 'models'))
  await mkdir(manifests.path)
  for (const [name, spec] of Object.entries(models)) await manifests.write(name, spec)

  const runId = randomUUID()
  const own = ['--state-dir', join(folder, 'state'), '--log-format', 'json']
  const words = ['serve', '--models', manifests.path, '--host', '127.0.0.1', '--port', '0']
  const child = spawn(process.execPath, [entry, ...words, ...own, ...flags], {
    env: { ...vllmEnvironment, [runIdName]: runId },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const log = new LogLines()
  child.stdout.setEncoding('utf8').on('data', (text: string) => log.read(text))
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => {
      log.end('the program has ended')
      resolve({ code, signal })
    })
  })
  onTestFinished(async () => {
    // Twice told to stop, it cuts what still runs.
    child.kill('SIGTERM')
    child.kill('SIGINT')
    await exited
    for (const pid of await livingOf(runId)) killIfThere(pid)
  })
  const url = String((await log.waitFor(says('listening on')))['url'])
  const backend = async () => {
    const answer = (await (await fetch(`${url}/proxy/status`)).json()) as StatusAnswer
    return answer.backends[0] as BackendStatus
  }
  return {
    url,
    log,
    exited,
    signal: (name) => void child.kill(name),
    backend,
    untilState: (state) => until(async () => (await backend()).state === state),
    launches: () =>
      log.all
        .filter(({ msg, room }) => msg === 'started' && room === 'driver')
        .map(({ model, pid }) => ({ model: String(model), pid: Number(pid) })),
    living: () => livingOf(runId),
  }
}
