import { names } from '../contestants/index.ts'
import type { BodiesResult } from '../measures/bodies.ts'
import type { JsonResult } from '../measures/json.ts'
import type { StreamsResult } from '../measures/streams.ts'
import { holds, type Promised } from '../must-hold.ts'
import type { Plan } from '../plan.ts'
import type { Results } from '../results.ts'
import { column, type Rounds } from '../rounds.ts'
import { difference, median, ratio, spread } from '../statistics.ts'
import { figure, percent, table } from './table.ts'

/** All tables, as Markdown. */
export function report(
  plan: Plan,
  machine: readonly string[],
  results: Results,
  promised: readonly Promised[],
): string {
  const { json, streams, bodies } = results
  return [
    machine.map((line) => `- ${line}`).join('\n'),
    `### What must hold\n\n${promisedTable(promised, plan.leniency)}`,
    ...[...json].map(
      ([connections, rounds]) =>
        `### Small requests, ${connections} connection${connections === 1 ? '' : 's'}\n\n${jsonTable(rounds)}`,
    ),
    ...[...streams].map(
      ([count, rounds]) =>
        `### ${count.toLocaleString('en-US')} streams of 50 events a second\n\n${streamsTable(rounds)}`,
    ),
    ...bodies.map(
      ({ size, position, rounds }) =>
        `### Bodies of ${sizeInWords(size)}, model ${position}\n\n${bodiesTable(rounds)}`,
    ),
    `### Clients that leave in mid-stream\n\n${abortsTable(results)}`,
    `### Waiting, waking, switching\n\n${waitingTable(results)}`,
  ].join('\n\n')
}

function promisedTable(promised: readonly Promised[], leniency: number): string {
  const rows = promised.map((one) => {
    const unit = one.unit === '' ? '' : ` ${one.unit}`
    return [
      one.what,
      `${one.atLeast ? '≥' : '≤'} ${one.limit}${unit}`,
      `${figure(one.found)}${unit}`,
      holds(one, 1) ? 'holds' : holds(one, leniency) ? 'missed, but not by far' : 'missed',
    ]
  })
  return table(['what', 'promised', 'found', ''], rows)
}

function jsonTable(rounds: Rounds<JsonResult>): string {
  const rate = (name: string) => column(rounds, name, (one) => one.perSecond)
  const rows = [...rounds.keys()].map((name) => {
    const of = (value: (one: JsonResult) => number) => median(column(rounds, name, value))
    return [
      name,
      figure(of((one) => one.perSecond)),
      percent(spread(rate(name))),
      figure(ratio(rate(name), rate(names.nginx))),
      figure(ratio(rate(name), rate(names.goTuned))),
      figure(of((one) => one.p50Us)),
      figure(of((one) => one.p99Us)),
      name === names.direct ? '–' : figure(of((one) => one.cpuUs)),
    ]
  })
  const head = ['', 'requests/s', 'spread', '× nginx', '× Go tuned', 'p50 µs', 'p99 µs', 'CPU µs']
  return table(head, rows)
}

function streamsTable(rounds: Rounds<StreamsResult>): string {
  const rows = [...rounds.keys()].map((name) => {
    const values = (value: (one: StreamsResult) => number) => column(rounds, name, value)
    const added = (value: (one: StreamsResult) => number) =>
      name === names.direct
        ? '–'
        : figure(difference(values(value), column(rounds, names.direct, value)) / 1000)
    return [
      name,
      figure(median(values((one) => one.chunksPerSecond))),
      name === names.direct ? '–' : figure(median(values((one) => one.cpuMs))),
      percent(spread(values((one) => one.cpuMs))),
      added((one) => one.firstByteP50Us),
      added((one) => one.delayP50Us),
      added((one) => one.delayP99Us),
    ]
  })
  const head = [
    '',
    'events/s',
    'CPU ms per 1,000 events',
    'spread',
    'first byte p50 + ms',
    'event p50 + ms',
    'event p99 + ms',
  ]
  return table(head, rows)
}

function bodiesTable(rounds: Rounds<BodiesResult>): string {
  const rows = [...rounds.keys()].map((name) => {
    const of = (value: (one: BodiesResult) => number) => median(column(rounds, name, value))
    return [
      name,
      figure(of((one) => one.totalMs)),
      figure(of((one) => one.reachedMs)),
      name === names.direct ? '–' : figure(of((one) => one.grownBytes) / 1e6),
    ]
  })
  return table(['', 'whole, ms', 'first byte at the backend, ms', 'memory of 8 clients, MB'], rows)
}

function abortsTable({ aborts }: Results): string {
  const rows = [...aborts].map(([name, { p50Ms, maxMs, missed }]) => [
    name,
    figure(p50Ms),
    figure(maxMs),
    String(missed),
  ])
  return table(['', 'p50 ms', 'longest ms', 'never known'], rows)
}

function waitingTable({ held, waking }: Results): string {
  const rows = [
    [
      `${held.requests.toLocaleString('en-US')} held requests: resident`,
      `${figure(held.residentBytes / 1e6)} MB`,
    ],
    ['… each', `${figure(held.bytesPerRequest / 1e3)} kB`],
    ['… from the first to the last of them at the backend', `${figure(held.reachedInMs)} ms`],
    ['… to the last answer', `${figure(held.answeredInMs)} ms`],
    ['a cold start, beside the load', `${figure(waking.wakeAddedMs)} ms`],
    ['a switch, beside stop and load', `${figure(median(waking.switchAddedMs))} ms`],
    ['from readiness to the answer', `${figure(median(waking.seenMs))} ms`],
  ]
  return table(['', ''], rows)
}

function sizeInWords(bytes: number): string {
  return bytes >= 1e6 ? `${bytes / 1e6} MB` : `${bytes / 1e3} kB`
}
