import type { H3Event } from 'h3'
import { chartNames, renderChart, svgStyle, type ChartFormat } from '../charts/index.ts'

const files = {
  svg: { format: 'svg', type: 'image/svg+xml; charset=utf-8' },
  json: { format: 'json', type: 'application/json; charset=utf-8' },
  mmd: { format: 'mermaid', type: 'text/plain; charset=utf-8' },
} as const satisfies Record<string, { format: ChartFormat; type: string }>

/** Opened on its own, a picture may have its own style and nothing else. */
const policy = "default-src 'none'; style-src 'unsafe-inline'"

/** `/proxy/charts/backend.svg` and so on, with the answer to each. */
export const chartAnswers: Record<string, (event: H3Event) => Promise<Response> | Response> = {
  '/proxy/charts/chart.css': () =>
    new Response(svgStyle, { headers: { 'content-type': 'text/css; charset=utf-8' } }),
  ...Object.fromEntries(
    chartNames.flatMap((name) =>
      Object.entries(files).map(([extension, { format, type }]) => [
        `/proxy/charts/${name}.${extension}`,
        async ({ url }: H3Event) => {
          // `?bare` leaves the style out: inside a page it has its own, and its policy may forbid ours.
          const text = await renderChart(name, format, { bare: url.searchParams.has('bare') })
          const headers = { 'content-type': type, 'content-security-policy': policy }
          return new Response(text, { headers })
        },
      ]),
    ),
  ),
}
