/** `name type label,label` of each thing that vLLM itself measures. */
export async function metricsOf(url: string): Promise<string[]> {
  const text = await scrape(url)
  const types = [...text.matchAll(/^# TYPE (vllm:\w+) (\w+)$/gm)]
  return types.flatMap(([, name = '', type]) => {
    // Prometheus' client for Python adds when each counter was made.
    if (name.endsWith('_created')) return []
    const [, labels = ''] = new RegExp(`^${name}(?:_sum)?\\{(.*)\\} `, 'm').exec(text) ?? []
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label)
    return [`${name} ${type} ${names.toSorted((a = '', b = '') => a.localeCompare(b)).join()}`]
  })
}

/** Requests that the engine runs at this moment. */
export async function runningIn(url: string): Promise<number> {
  return Number(/^vllm:num_requests_running\{[^}]*\} (\S+)$/m.exec(await scrape(url))?.[1])
}

const scrape = async (url: string) => await (await fetch(`${url}/metrics`)).text()
