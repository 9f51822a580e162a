import { describe, expect, it } from 'vitest'
import { serveOperations } from './fakes.ts'

describe('the charts over HTTP', () => {
  it('are listed, and each can be had in each form', async () => {
    const { url, get } = await serveOperations()
    const { body } = await get('/proxy/charts')
    expect(body.charts).toContain('/proxy/charts/backend.svg')
    const types = await Promise.all(
      (body.charts as string[]).map(async (path) => {
        const answer = await fetch(url + path)
        expect(answer.status).toBe(200)
        return [path, answer.headers.get('content-type'), (await answer.text()).slice(0, 14)]
      }),
    )
    const text = 'text/plain; charset=utf-8'
    expect(types).toEqual([
      ['/proxy/charts/chart.css', 'text/css; charset=utf-8', '\n.statechart {'],
      ...['backend', 'fleet', 'pool'].flatMap((name) => [
        [`/proxy/charts/${name}.svg`, 'image/svg+xml; charset=utf-8', '<svg xmlns="ht'],
        [
          `/proxy/charts/${name}.json`,
          'application/json; charset=utf-8',
          '{\n  "id": "' + name.slice(0, 3),
        ],
        [`/proxy/charts/${name}.mmd`, text, 'stateDiagram-v'],
      ]),
    ])
  })

  it('leave their style out for a page that has its own', async () => {
    const { url } = await serveOperations()
    const [alone, bare] = await Promise.all(
      ['', '?bare'].map(async (query) => {
        const answer = await fetch(`${url}/proxy/charts/fleet.svg${query}`)
        return await answer.text()
      }),
    )
    expect(alone).toContain('<style>')
    expect(bare).not.toContain('<style>')
  })

  it('ask for the token like all that can be read', async () => {
    const { get } = await serveOperations({ token: 'secret' })
    expect((await get('/proxy/charts/fleet.json')).status).toBe(403)
    const headers = { authorization: 'Bearer secret' }
    expect((await get('/proxy/charts/fleet.json', headers)).body).toMatchObject({ id: 'fleet' })
  })
})
