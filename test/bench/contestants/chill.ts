import { mkdir, mkdtemp, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cores, flagsOf, freePort, start, untilListening } from '../processes.ts'
import type { Contestant, Ground } from './contestant.ts'

/** As it is shipped: one bundle, which `npm run bench` has built. */
const program = fileURLToPath(new URL('../../../dist/vllm-chill.js', import.meta.url))

export interface Chill extends Contestant {
  /** Where its backends write when they started, were ready, were told to stop. */
  readonly events: string
  /** The file that lets a gated backend become ready. */
  readonly gate: string
}

export interface ChillSetup {
  readonly name: string
  readonly flags?: readonly string[]
  /** Of the backend, as in test/bench/go/backend.go. */
  readonly backendFlags?: readonly string[]
  readonly isGated?: boolean
  readonly models?: readonly string[]
}

/** The complete program, with its log in a file and backends of its own, as cheap as everybody's. */
export async function startChill({ tools, folder }: Ground, setup: ChillSetup): Promise<Chill> {
  const { name, flags = [], backendFlags = [], isGated = false, models = ['bench'] } = setup
  const home = await mkdtemp(join(folder, 'chill-'))
  const [events, gate] = [join(home, 'events'), join(home, 'gate')]
  await mkdir(join(home, 'models'))
  for (const model of models) {
    const manifest = {
      apiVersion: 'vllm.efortin.github.io/v1alpha1',
      kind: 'VLLMModel',
      metadata: { name: model },
      spec: { modelName: `bench/${model}`, servedModelName: model, maxNumSeqs: 1024 },
    }
    await writeFile(join(home, 'models', `${model}.yaml`), JSON.stringify(manifest))
  }
  const backend = [
    `taskset -c ${cores.rest} ${tools.bench} backend --events ${events}`,
    ...(isGated ? [`--gate ${gate}`] : []),
    ...backendFlags,
  ].join(' ')
  const port = await freePort()
  const options = {
    host: '127.0.0.1',
    port,
    models: join(home, 'models'),
    'state-dir': join(home, 'state'),
    command: backend,
    'idle-timeout': '0',
    'log-format': 'json',
  }
  const log = await open(join(home, 'log'), 'w')
  const running = start(
    'proxy',
    [process.execPath, program, 'serve', ...flagsOf(options), ...flags],
    {
      env: { PATH: process.env['PATH'], HOME: home },
      stdio: ['ignore', log.fd, 'inherit'],
    },
  )
  await untilListening(port, running)
  await log.close()
  const url = `http://127.0.0.1:${port}`
  if (!isGated && models.length === 1) await wake(url, models[0] as string)
  return { name, url, pids: [running.pid], events, gate, end: () => running.end() }
}

/** Asks for a model and waits for the whole answer. */
export async function wake(url: string, model: string): Promise<void> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [] }),
  })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${model} was answered ${answer.status}: ${text}`)
}
