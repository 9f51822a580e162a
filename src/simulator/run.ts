import { setTimeout as delay } from 'node:timers/promises'
import { UsageError, parseSimulatorArguments } from './arguments.ts'
import type { SimulatorOptions } from './arguments.ts'
import { vllmLine } from './log.ts'
import type { Simulator } from './start.ts'
import { usage } from './usage.ts'

const print = (line: string) => process.stderr.write(`${line}\n`)

/**
 * The command `simulate`: owns the signals and the end of the process.
 * Exit codes: 0 stopped or without its engine, 1 could not start or died, 2 usage, or what `--fail-load` says.
 */
export async function runSimulator(argv: readonly string[]): Promise<void> {
  if (argv[0] === '--gpu-worker') {
    await work(Number(argv[1]), argv.slice(2))
  }
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(usage())
    return
  }
  try {
    await serve(parseSimulatorArguments(argv))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    print(`vllm-chill simulate: ${error.message}\nSee vllm-chill simulate --help.`)
    process.exit(2)
  }
}

async function work(lingerMs: number, files: readonly string[]): Promise<never> {
  // A signal sent to the whole group does not end the worker: its leader may be draining.
  process.on('SIGTERM', () => {})
  process.on('SIGINT', () => {})
  // Whoever reads the reports may be gone while the worker lingers.
  process.stdout.on('error', () => {})
  const { runGpuWorker } = await import('./gpu-worker.ts')
  await runGpuWorker(files, lingerMs, { orders: process.stdin, reports: process.stdout })
  process.exit(0)
}

async function serve(options: SimulatorOptions): Promise<void> {
  // Whoever read the log may be gone; that is no reason to die.
  process.stderr.on('error', () => {})
  let simulator: Simulator | undefined
  stopOnSignal(options, () => simulator)
  if (options.ignoredFlags.length > 0) {
    const ignored = options.ignoredFlags.join(' ')
    print(vllmLine('APIServer', 'INFO', 'utils.py:253', `flags without effect here: ${ignored}`))
  }
  // Imported only now, so that a mistake in the command line is told at once.
  const { startSimulator } = await import('./start.ts')
  try {
    simulator = await startSimulator(options, print)
    await simulator.loaded
  } catch (error) {
    print((error as Error).message)
    process.exit((error as { exitCode?: number }).exitCode ?? 1)
  }
  process.exit((await simulator.died).exitCode)
}

function stopOnSignal(options: SimulatorOptions, simulator: () => Simulator | undefined): void {
  let stopping = false
  const stop = async () => {
    print(vllmLine('APIServer', 'INFO', 'launcher.py:110', 'Shutting down'))
    const running = simulator()
    if (running === undefined) await delay(options.slowStop)
    else {
      if (options.shutdownTimeout > 0) await running.drain(options.shutdownTimeout * 1000)
      await running.close()
    }
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (options.ignoreSigterm) {
        print(vllmLine('APIServer', 'WARNING', 'launcher.py:110', `ignoring ${signal}, as told`))
      } else if (stopping) process.exit(signal === 'SIGTERM' ? 143 : 130)
      else {
        stopping = true
        void stop()
      }
    })
  }
}
