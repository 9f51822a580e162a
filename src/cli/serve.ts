import type { CAC } from 'cac'
import {
  loadSettings,
  registerSettings,
  settingsFromFlags,
  type Settings,
} from '../config/index.ts'
import { createLog, type Log } from '../telemetry/index.ts'
import { startInstance, type Instance } from './serve/instance.ts'
import { UsageError } from './failure.ts'
import type { Terminal } from './terminal.ts'
import { letYoungMemoryGrow } from './young-memory.ts'

/** `vllm-chill serve`: the program itself. Resolves when it has been told to stop and has stopped. */
export function registerServe(cli: CAC, terminal: Terminal): void {
  const command = cli.command(
    'serve',
    'Serve the OpenAI API, and wake, switch and rest models behind it',
  )
  registerSettings(command)
    .option(
      '--dry-run',
      'In a cluster: show what would change, tried by the server, and change nothing',
    )
    .example('  $ vllm-chill serve --models ./models')
    .example('  $ vllm-chill serve --config vllm-chill.yaml --idle-timeout 10m')
    .example(
      '  $ vllm-chill serve --models ./models --command "vllm-chill simulate --load-time 5s"',
    )
    .action(async (options: Record<string, unknown>) => {
      const flags = settingsFromFlags(options, ['dryRun'], cli.rawArgs)
      const settings = loadSettings({ flags, env: terminal.env })
      const log = createLog({ level: settings.logLevel, format: settings.logFormat })
      if (options['dryRun'] === true) return await dryRun(settings, terminal)
      const instance = await startInstance(settings, log, terminal.env)
      letYoungMemoryGrow()
      // Before anybody can know that it runs: a signal that came too early would end it as it is.
      const stopped = untilToldToStop(instance, log)
      greet(instance, terminal, log)
      return await stopped
    })
}

async function dryRun(settings: Settings, terminal: Terminal): Promise<number> {
  if (settings.driver !== 'kubernetes') {
    throw new UsageError('--dry-run: shows changes to a cluster; name one with --namespace')
  }
  const { tellWhatWouldChange } = await import('./serve/cluster-ground.ts')
  const silent = createLog({ level: 'silent', format: settings.logFormat })
  const isFine = await tellWhatWouldChange(settings, silent, terminal.print)
  terminal.print('Nothing was changed.')
  return isFine ? 0 : 1
}

function greet(
  { url, operationsUrl, models, backends }: Instance,
  terminal: Terminal,
  log: Log,
): void {
  const what = `listening on ${url}, ${models.length} model(s), ${backends.length} backend(s); nothing is loaded until somebody asks`
  log.info({ url, operationsUrl, models, backends }, what)
  if (!terminal.isInteractive || models.length === 0) return
  const body = JSON.stringify({ model: models[0], messages: [{ role: 'user', content: 'hi' }] })
  terminal.say(
    `\n  Try:    curl -s ${url}/v1/chat/completions -d '${body}'\n  Watch:  vllm-chill status --url ${operationsUrl}\n\n`,
  )
}

/** The first signal drains, the second cuts what is in flight, the third ends the process as it is. */
async function untilToldToStop(instance: Instance, log: Log): Promise<number> {
  let told = 0
  return await new Promise<number>((resolve, reject) => {
    const onSignal = (signal: NodeJS.Signals) => {
      told++
      if (told === 1) {
        log.info({ signal }, `${signal}: no new requests; what is in flight runs to its end`)
        instance.shutDown().then(
          () => {
            log.info({}, 'stopped')
            resolve(0)
          },
          (error: unknown) => reject(error as Error),
        )
      } else if (told === 2) {
        log.warn({ signal }, `${signal} again: what is in flight is cut`)
        instance.hurry()
      } else {
        log.error({ signal }, `${signal} once more: ending at once`)
        process.exit(1)
      }
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
