import type { CAC } from 'cac'
import { optionText, wholeNumber } from './command-line.ts'
import { countersOf, type Counter, type Counters, type Look, type Stats } from './counters.ts'
import { readExposition } from './exposition.ts'
import { UsageError } from './failure.ts'
import { mayPass } from './instance-calls.ts'
import { runningInstance, withInstanceOptions, type RunningInstance } from './running-instance.ts'
import { columnsText, folded, openLiveView, paintFor, type Paint } from './screen/index.ts'
import { inBytes, inShort, inWords } from './table.ts'
import type { Terminal } from './terminal.ts'

const usualIntervalMs = 2_000

export function registerTop(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('top', 'Show the counters of a running vllm-chill as they grow'))
    .option('--interval <duration>', 'From one look to the next (default: 2s)')
    .option('--count <number>', 'End after so many looks')
    .example('  $ vllm-chill top')
    .example('  $ vllm-chill top --json --count 2 --interval 10s | tail -1')
    .action(async ({ json = false }: { json?: boolean }) => {
      const instance = runningInstance(cli, terminal.env)
      const intervalMs = await intervalOption(cli)
      const count = wholeNumber(cli, '--count') ?? Infinity
      if (count === 0) throw new UsageError('--count: 0 looks show nothing')
      return await watchCounters(instance, { json, intervalMs, count }, terminal)
    })
}

async function intervalOption(cli: CAC): Promise<number> {
  const text = optionText(cli, '--interval')
  if (text === undefined) return usualIntervalMs
  const { parseDuration } = await import('../config/index.ts')
  const ms = parseDuration(text)
  if (ms === undefined || ms < 100) {
    throw new UsageError(`--interval: ${text} is no duration of at least 100ms, such as 2s`)
  }
  return ms
}

interface Wanted {
  readonly json: boolean
  readonly intervalMs: number
  readonly count: number
}

async function watchCounters(
  instance: RunningInstance,
  { json, intervalMs, count }: Wanted,
  terminal: Terminal,
): Promise<number> {
  const signal = terminal.interruption()
  const latest = { before: undefined as Look | undefined, look: await lookAt(instance), lost: '' }
  const counters = () => countersOf(latest.look, latest.before)
  const paint = paintFor(terminal)
  const view =
    json || !terminal.screen
      ? undefined
      : openLiveView(terminal.screen, (columns) => [
          ...folded(latest.lost ? [`${latest.lost} Trying again.`] : [], columns).map((line) =>
            paint('bad', line),
          ),
          ...countersText(counters(), { columns, paint }).split('\n'),
        ])
  const show = (isFirst = false) => {
    if (view) return view.draw()
    const text = json ? JSON.stringify(counters()) : countersText(counters())
    terminal.print((isFirst || json ? '' : '\n') + text)
  }
  try {
    show(true)
    for (let shown = 1; shown < count; shown++) {
      await terminal.pause(intervalMs, signal)
      if (signal.aborted) break
      try {
        const look = await lookAt(instance)
        Object.assign(latest, { before: latest.look, look, lost: '' })
      } catch (error) {
        if (!mayPass(error) || !view) throw error
        latest.lost = error.message
      }
      show()
    }
  } finally {
    view?.close()
  }
  return signal.aborted ? Number(signal.reason) : 0
}

async function lookAt(instance: RunningInstance): Promise<Look> {
  const [stats, text] = await Promise.all([
    instance.read<Stats>('stats'),
    instance.readText('metrics'),
  ])
  return { at: performance.now(), stats, metrics: readExposition(text) }
}

interface Appearance {
  readonly columns?: number
  readonly paint?: Paint
}

function countersText(counters: Counters, { columns, paint }: Appearance = {}): string {
  const { eventLoopLagSeconds: lag, promptTokens, completionTokens } = counters
  const rate = ({ perSecond }: Counter, unit = inShort) =>
    perSecond === undefined ? '-' : `${unit(perSecond)}/s`
  const grown = (what: string, counter: Counter, unit = inShort) => [
    what,
    rate(counter, unit),
    unit(counter.total),
  ]
  const gpus = (what: string, { perSecond, total }: Counter) => [
    what,
    perSecond === undefined ? '-' : perSecond.toFixed(2),
    inWords(total * 1000),
  ]
  const ms = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`
  const waiting =
    counters.waiting === 0
      ? ''
      : `${inBytes(counters.waitingBytes)}, oldest ${inWords(counters.oldestWaitSeconds * 1000)}`
  const { perSecond: cores } = counters.cpuSeconds
  return columnsText(
    [
      { heading: `up ${inWords(counters.uptimeSeconds * 1000)}`, least: 8 },
      { heading: 'NOW', least: 5, ...(paint && { paint: (cell) => paint('good', cell) }) },
      { heading: 'IN ALL', least: 6, worth: 1 },
    ],
    [
      ['backends ready', `${counters.backendsReady} of ${counters.backends}`],
      ['in flight', String(counters.inFlight)],
      ['waiting', String(counters.waiting), waiting],
      grown('requests', counters.requests),
      grown('refusals', counters.refusals),
      grown('received', counters.receivedBytes, inBytes),
      grown('sent', counters.sentBytes, inBytes),
      ...(promptTokens ? [grown('tokens in', promptTokens)] : []),
      ...(completionTokens ? [grown('tokens out', completionTokens)] : []),
      gpus('GPUs held', counters.gpuHeld),
      gpus('GPUs serving', counters.gpuServing),
      gpus('GPUs idle', counters.gpuIdle),
      gpus('GPUs saved', counters.gpuSaved),
      ['event loop lag', ms(lag.p50), `p99 ${ms(lag.p99)}, most ${ms(lag.max)}`],
      ['CPU', cores === undefined ? '-' : `${(cores * 100).toFixed(0)} %`],
      ['memory', inBytes(counters.memoryBytes)],
    ],
    columns,
  )
}
