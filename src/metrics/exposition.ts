import { Registry } from 'prom-client'

/** What a scrape is answered with. */
export interface Exposition {
  readonly contentType: string
  readonly text: string
}

/** In OpenMetrics where the scraper takes that, else in Prometheus' own older format. */
export async function expose(registry: Registry, accept: string | null): Promise<Exposition> {
  const text = await registry.metrics()
  if (!accept?.includes('application/openmetrics-text')) {
    return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text }
  }
  return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, text: openMetrics(text) }
}

/** prom-client can write it too, but renames its counters for good when it has done so once. */
function openMetrics(text: string): string {
  const families = text
    .replaceAll(/^# (HELP|TYPE) (\w+)_total /gm, '# $1 $2 ')
    .replaceAll(/\n\n+/g, '\n')
  return `${families}# EOF\n`
}
