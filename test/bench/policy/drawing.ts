import { waitSeconds, type Result } from './measures.ts'

const colours: Readonly<Record<string, string>> = {
  fair: '#2b8a3e',
  patient: '#868e96',
  fifo: '#e67700',
  sticky: '#c92a2a',
}
const left = 190
const width = 300
const bar = 12
const panels = [
  { title: 'longest wait, s (logarithmic)', most: 10_000 },
  { title: 'time lost to loading, %', most: 100 },
] as const

/** Two bars for each workload and policy: how long somebody waited at most, and what loading took. */
export function drawing(results: readonly Result[]): string {
  const parts: string[] = []
  let y = 40
  for (const [i, { title }] of panels.entries()) {
    parts.push(text(left + i * (width + 70), 24, title, 'font-weight="bold"'))
  }
  for (const { workload, outcomes } of results) {
    parts.push(text(8, y + bar * 2, workload.name))
    for (const outcome of outcomes) {
      const longest = waitSeconds(outcome, 1)
      const loading = (100 * outcome.loadingMs) / workload.untilMs
      const shares = [
        Math.log10(Math.max(1, longest)) / Math.log10(panels[0].most),
        loading / panels[1].most,
      ]
      for (const [i, share] of shares.entries()) {
        const x = left + i * (width + 70)
        const long = Math.round(share * width)
        const words = `${outcome.policy} ${[longest, loading][i]!.toFixed(0)}`
        const fill = colours[outcome.policy]!
        parts.push(
          `<rect x="${x}" y="${y}" width="${long}" height="${bar - 2}" fill="${fill}"/>`,
          text(x + long + 4, y + bar - 3, words, 'font-size="9"'),
        )
      }
      y += bar
    }
    y += 12
  }
  const size = `width="${left + 2 * (width + 70)}" height="${y}"`
  const style = 'font-family="system-ui, sans-serif" font-size="12" fill="#343a40"'
  const ground = '<rect width="100%" height="100%" fill="#fff"/>'
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${style}>\n${[ground, ...parts].join('\n')}\n</svg>\n`
}

function text(x: number, y: number, words: string, more = ''): string {
  return `<text x="${x}" y="${y}" ${more}>${words}</text>`
}
