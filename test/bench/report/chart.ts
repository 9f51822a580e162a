const width = 720
const rowHeight = 28
const labelWidth = 190
const top = 40

export interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly isOurs: boolean
}

/** Horizontal bars, readable on a light and on a dark page. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value))
  const room = width - labelWidth - 100
  const height = top + bars.length * rowHeight + 10
  const rows = bars.map(({ label, value, text, isOurs }, row) => {
    const y = top + row * rowHeight
    const length = Math.max(1, Math.round((value / most) * room))
    const colour = isOurs ? '#e8590c' : '#868e96'
    return [
      `<text x="${labelWidth - 8}" y="${y + 15}" text-anchor="end">${label}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${length}" height="20" rx="2" fill="${colour}"/>`,
      `<text x="${labelWidth + length + 6}" y="${y + 15}">${text}</text>`,
    ].join('\n  ')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#868e96">
  <text x="0" y="20" font-size="15" font-weight="600">${title}</text>
  ${rows.join('\n  ')}
</svg>
`
}
