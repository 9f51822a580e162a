import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished, describe, expect, it } from 'vitest'
import { createOperationsApp } from '../../../src/operations/index.ts'
import { backendStatus, FakeFleet, serveOperations } from './fakes.ts'

/** A backend that tells its name as metrics, and what it was asked. */
async function engine(name: string, status = 200) {
  const asked: (string | undefined)[] = []
  const server = createServer((req, res) => {
    asked.push(req.url)
    res.writeHead(status, { 'content-type': 'text/plain; version=1.0.0' }).end(`of_${name} 1\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

function fleetOf(...backends: { name: string; model: string; url: string }[]): FakeFleet {
  const fleet = new FakeFleet()
  fleet.backends = [
    backendStatus({ name: 'cold' }),
    ...backends.map(({ name, model, url }) =>
      backendStatus({
        name,
        model,
        state: 'ready.quiet',
        endpoints: [{ url, leases: 0, maxInFlight: 8 }],
      }),
    ),
  ]
  return fleet
}

const text = async (url: string) => await (await fetch(url)).text()

describe('metrics', () => {
  it.each(['/proxy/metrics', '/metrics'])(
    'our own are at %s, as what a scraper takes',
    async (path) => {
      const asked: unknown[] = []
      const scrape = async (accept: string | null) => {
        asked.push(accept)
        return { contentType: 'text/x-metrics', text: 'own 1\n' }
      }
      const { url } = await serveOperations({ metrics: { scrape, gpuSeconds: () => [] } })
      const answer = await fetch(url + path, { headers: { accept: 'text/x-metrics' } })
      expect(await answer.text()).toBe('own 1\n')
      expect(answer.headers.get('content-type')).toBe('text/x-metrics')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('x-request-id')).not.toBeNull()
      expect(asked).toEqual(['text/x-metrics'])
    },
  )

  it.each(['/proxy/metrics', '/metrics'])('%s asks for the token when one is set', async (path) => {
    const { url } = await serveOperations({ token: 'secret' }, createOperationsApp)
    expect((await fetch(url + path)).status).toBe(403)
    const headers = { authorization: 'Bearer secret' }
    expect((await fetch(url + path, { headers })).status).toBe(200)
  })

  it('of the ready backend are passed on, of the one that is named, or of the first', async () => {
    const [one, two] = [await engine('one'), await engine('two')]
    const fleet = fleetOf(
      { name: 'gpu0', model: 'a', url: one.url },
      { name: 'gpu1', model: 'b', url: two.url },
    )
    const { url } = await serveOperations({ fleet, enableMetrics: false })
    expect(await text(`${url}/metrics`)).toBe('of_one 1\n')
    expect(await text(`${url}/metrics?backend=gpu1`)).toBe('of_two 1\n')
    expect(await text(`${url}/metrics?model=b`)).toBe('of_two 1\n')
    expect(await text(`${url}/metrics?model=b&backend=gpu0`)).toBe('# no backend is ready\n')
    expect(await text(`${url}/proxy/metrics`)).toBe('own 1\n')
    const answer = await fetch(`${url}/metrics`)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=1.0.0')
    expect(new Set([...one.asked, ...two.asked])).toEqual(new Set(['/metrics']))
    expect(fleet.commands).toEqual([])
  })

  it('of a backend at rest are none, which is no fault', async () => {
    const { url, fleet } = await serveOperations({ enableMetrics: false })
    const answer = await fetch(`${url}/metrics`)
    expect([answer.status, await answer.text()]).toEqual([200, '# no backend is ready\n'])
    expect(fleet.commands).toEqual([])
  })

  it('of a backend that does not answer are told as unreachable; its own refusal is passed on', async () => {
    const refusing = await engine('busy', 503)
    const gone = { name: 'gpu0', model: 'a', url: 'http://127.0.0.1:1' }
    const busy = { name: 'gpu1', model: 'b', url: refusing.url }
    const { get, url } = await serveOperations({ fleet: fleetOf(gone, busy), enableMetrics: false })
    const refused = await get('/metrics?backend=gpu0')
    expect([refused.status, refused.body.error.code]).toEqual([502, 'backend_unreachable'])
    expect((await fetch(`${url}/metrics?backend=gpu1`)).status).toBe(503)
  })
})
