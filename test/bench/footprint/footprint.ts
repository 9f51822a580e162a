/**
 * `npm run bench:footprint [-- --rounds N]`: what the bundle costs before anybody asks for anything. Ends
 * with 1 when it starts slower, or takes more memory, than it may. Linux only.
 */
import { parseArgs } from 'node:util'
import { measure, type Footprint } from './measure.ts'

/** Of the time that the same program takes from its sources. */
const startShareAtMost = 0.5
const residentAtMost = 90_000_000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } })

const entries = { bundle: 'dist/vllm-chill.js', sources: 'src/cli/vllm-chill.ts' } as const
const measured: Record<keyof typeof entries, Footprint[]> = { bundle: [], sources: [] }

// The first one of each reads its files from the disk, and does not count.
for (let round = 0; round <= Number(values.rounds); round++) {
  // In turns, so that what else the machine does is the same for both.
  for (const name of ['bundle', 'sources'] as const) {
    const footprint = await measure(entries[name])
    if (round > 0) measured[name].push(footprint)
  }
}

const median = (numbers: number[]) =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number
const of = (name: keyof typeof entries) => ({
  startMs: median(measured[name].map(({ startMs }) => startMs)),
  residentBytes: median(measured[name].map(({ residentBytes }) => residentBytes)),
})
const [bundle, sources] = [of('bundle'), of('sources')]
// Round by round, since the machine may be busier in one than in the next.
const share = median(
  measured.bundle.map(
    ({ startMs }, round) => startMs / (measured.sources[round] as Footprint).startMs,
  ),
)

const row = (name: string, { startMs, residentBytes }: Footprint) =>
  `| ${name.padEnd(7)} | ${startMs.toFixed(0).padStart(22)} | ${(residentBytes / 1e6).toFixed(1).padStart(17)} |`
console.log(
  [
    `Medians of ${values.rounds} rounds, Node ${process.versions.node}`,
    '',
    '|         | start to listening, ms | resident idle, MB |',
    '| ------- | ---------------------: | ----------------: |',
    row('bundle', bundle),
    row('sources', sources),
    '',
  ].join('\n'),
)
const verdicts = [
  [
    share < startShareAtMost,
    `start: ${share.toFixed(2)} of the sources' time, at most ${startShareAtMost}`,
  ],
  [
    bundle.residentBytes < residentAtMost,
    `memory: ${(bundle.residentBytes / 1e6).toFixed(1)} MB, at most ${residentAtMost / 1e6}`,
  ],
] as const
for (const [isFine, text] of verdicts) console.log(`${isFine ? 'ok    ' : 'missed'}  ${text}`)
process.exitCode = verdicts.every(([isFine]) => isFine) ? 0 : 1
