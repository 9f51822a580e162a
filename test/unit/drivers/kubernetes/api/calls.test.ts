import { describe, expect, it } from 'vitest'
import type { ApiFault } from '../../../../../src/drivers/kubernetes/api/index.ts'
import { fakeServer, reply } from './fake-server.ts'

const fault = (call: Promise<unknown>): Promise<ApiFault> =>
  call.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as ApiFault,
  )

describe('a call', () => {
  it('goes to the path of its kind, with the token', async () => {
    const { api, asked } = await fakeServer((_, answer) => reply(answer, 200, { metadata: {} }))
    await api.get('Deployment', 'vllm')
    expect(asked[0]?.url.pathname).toBe('/apis/apps/v1/namespaces/ai/deployments/vllm')
    expect(asked[0]?.headers.authorization).toBe('Bearer t')
  })

  it('finds nothing where there is nothing', async () => {
    const { api } = await fakeServer((_, answer) => reply(answer, 404, { reason: 'NotFound' }))
    expect(await api.get('Pod', 'x')).toBeUndefined()
    expect(await api.readScale('x')).toBeUndefined()
    expect(await api.remove('Pod', 'x')).toBe(false)
  })

  it('applies with a field manager, and tells each conflict with its manager', async () => {
    const { api, asked } = await fakeServer((_, answer) =>
      reply(answer, 409, {
        reason: 'Conflict',
        message: 'Apply failed with 1 conflict',
        details: {
          causes: [
            {
              reason: 'FieldManagerConflict',
              message: 'conflict with "kubectl-edit" using apps/v1',
              field: '.spec.template.spec.priorityClassName',
            },
          ],
        },
      }),
    )
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'vllm-config' } }
    const failed = await fault(api.apply(object, { dryRun: true }))
    expect(Object.fromEntries(asked[0]!.url.searchParams)).toEqual({
      fieldManager: 'vllm-chill',
      dryRun: 'All',
    })
    expect(asked[0]?.headers['content-type']).toBe('application/apply-patch+yaml')
    expect(failed.conflicts).toEqual([
      { field: 'spec.template.spec.priorityClassName', manager: 'kubectl-edit' },
    ])
    expect(failed.message).toContain('apply ConfigMap ai/vllm-config')
    expect(failed.message).toContain('belongs to kubectl-edit')
  })

  it('tells which field the server does not take', async () => {
    const { api } = await fakeServer((_, answer) =>
      reply(answer, 422, {
        reason: 'Invalid',
        message: 'Deployment "vllm" is invalid',
        details: { causes: [{ reason: 'FieldValueInvalid', message: 'no', field: 'spec.x' }] },
      }),
    )
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'vllm' } }
    const failed = await fault(api.apply(object))
    expect(failed).toMatchObject({ code: 422, causes: [{ field: 'spec.x', message: 'no' }] })
  })

  it('is tried again while the server is in trouble, and no longer than its budget', async () => {
    let times = 0
    const { api } = await fakeServer((_, answer) =>
      ++times < 3 ? reply(answer, 503, {}) : reply(answer, 200, { metadata: {} }),
    )
    const begun = performance.now()
    await api.get('Pod', 'x')
    expect(times).toBe(3)
    expect(performance.now() - begun).toBeGreaterThan(250)
    const hopeless = await fakeServer((_, answer) => reply(answer, 500, {}), { budgetMs: 300 })
    expect(await fault(hopeless.api.get('Pod', 'x'))).toMatchObject({ code: 500 })
    expect(hopeless.asked.length).toBeLessThan(6)
  })

  it('is tried again after a connection that was cut', async () => {
    let times = 0
    const { api } = await fakeServer((_, answer) => {
      if (++times === 1) answer.destroy()
      else reply(answer, 200, { metadata: { name: 'x' } })
    })
    expect((await api.get('Pod', 'x'))?.metadata?.name).toBe('x')
  })

  it('waits as long as it is told with 429', async () => {
    const { api } = await fakeServer((_, answer) => reply(answer, 429, {}, { 'retry-after': '30' }))
    const failed = await fault(api.get('Pod', 'x'))
    expect(failed).toMatchObject({ code: 429, retryAfterMs: 30_000 })
  })

  it('is never made twice where that could do something twice', async () => {
    const { api, asked } = await fakeServer((_, answer) => reply(answer, 500, {}))
    await fault(api.create({ apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' } }))
    expect(asked).toHaveLength(1)
  })

  it('ends when its signal says so', async () => {
    const { api } = await fakeServer(() => {})
    const controller = new AbortController()
    const call = api.get('Pod', 'x', { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
  })

  it('ends in time where no answer comes', async () => {
    const { api } = await fakeServer(() => {}, { timeoutMs: 50, budgetMs: 0 })
    expect(await fault(api.get('Pod', 'x'))).toMatchObject({
      code: 0,
      message: expect.stringContaining('does not answer'),
    })
  })

  it('reads a scale of zero, which is not written down, and writes with its precondition', async () => {
    const { api, asked } = await fakeServer((_, answer) =>
      reply(answer, 200, { metadata: { resourceVersion: '7' }, spec: {} }),
    )
    expect(await api.readScale('vllm')).toEqual({ replicas: 0, resourceVersion: '7' })
    await api.writeScale('vllm', 1, '7')
    expect(asked[1]).toMatchObject({
      method: 'PUT',
      body: { metadata: { resourceVersion: '7' }, spec: { replicas: 1 } },
    })
  })

  it('tells the last state of each line of a log', async () => {
    const { api, asked } = await fakeServer((_, answer) =>
      answer.end('one\r\nLoading 10%\rLoading 99%\n\napi_key=sk-1 three'),
    )
    const lines = await api.podLog('vllm-0', { container: 'vllm', tailLines: 20, previous: true })
    expect(lines).toEqual(['one', 'Loading 99%', 'api_key=(not shown) three'])
    expect(asked[0]?.url.search).toBe('?container=vllm&tailLines=20&previous=true')
  })

  it('asks for a right in the namespace, or in the whole cluster', async () => {
    const { api, asked } = await fakeServer((_, answer) =>
      reply(answer, 201, { status: { allowed: false, reason: 'no RBAC policy matched' } }),
    )
    expect(await api.review('update', 'apps', 'deployments', 'scale')).toEqual({
      allowed: false,
      reason: 'no RBAC policy matched',
    })
    await api.review('list', '', 'nodes', undefined, { clusterWide: true })
    const attributes = asked.map(
      ({ body }) => (body as { spec: { resourceAttributes: object } }).spec.resourceAttributes,
    )
    expect(attributes).toEqual([
      {
        verb: 'update',
        group: 'apps',
        resource: 'deployments',
        subresource: 'scale',
        namespace: 'ai',
      },
      { verb: 'list', group: '', resource: 'nodes' },
    ])
  })

  it('is not taken for done where something else than an API server answers', async () => {
    const { api } = await fakeServer((_, answer) => answer.end('<html>Log in</html>'))
    expect(await fault(api.get('Pod', 'x'))).toMatchObject({
      code: 0,
      message: expect.stringContaining('is no API server'),
    })
  })

  it('is tried again where its answer was cut off', async () => {
    let times = 0
    const { api } = await fakeServer((_, answer) => {
      if (++times > 1) return reply(answer, 200, { metadata: { name: 'x' } })
      answer.writeHead(200, { 'content-length': '1000' })
      answer.write('{"metadata"', () => answer.destroy())
    })
    expect((await api.get('Pod', 'x'))?.metadata?.name).toBe('x')
  })
})

/** What is told of an answer. */
async function words(status: number, body: unknown): Promise<ApiFault> {
  const { api } = await fakeServer(
    (_, answer) => {
      answer.writeHead(status)
      answer.end(typeof body === 'string' ? body : JSON.stringify(body))
    },
    { budgetMs: 0 },
  )
  return await fault(api.list('Pod'))
}

describe('a refusal', () => {
  it.each<[what: string, status: number, body: unknown, told: string]>([
    [
      'for want of a right',
      403,
      {
        message:
          'pods is forbidden: User "system:serviceaccount:ai:vllm-chill" cannot list resource "pods" in API group "" in the namespace "ai"',
      },
      'system:serviceaccount:ai:vllm-chill lacks the right to list pods in the namespace ai (403)',
    ],
    [
      'for want of a right in the whole cluster',
      403,
      {
        message:
          'nodes is forbidden: User "jo" cannot list resource "nodes" in API group "" at the cluster scope',
      },
      'jo lacks the right to list nodes in the whole cluster (403)',
    ],
    [
      'by a quota',
      403,
      { message: 'pods "x" is forbidden: exceeded quota: gpus, requested: 2, used: 1, limited: 2' },
      'refused: exceeded quota: gpus, requested: 2, used: 1, limited: 2',
    ],
    [
      'by a policy',
      400,
      { message: 'admission webhook "images.corp" denied the request: not from our registry' },
      'admission webhook "images.corp" denied the request: not from our registry',
    ],
    ['without a word', 403, '', 'refused (403)'],
    [
      'for want of a kind',
      404,
      '404 page not found\n',
      'the API server knows no such kind; is its CustomResourceDefinition installed?',
    ],
    ['by what stands before it', 502, '<html><h1>Bad Gateway</h1></html>', 'status 502'],
  ])('%s is told in words', async (_, status, body, told) => {
    expect(await words(status, body)).toMatchObject({
      code: status,
      message: `list pods in ai: ${told}`,
    })
  })

  it("of what does not fit its type is none of the server's own trouble", async () => {
    const message = `failed to create typed patch object (ai/vllm; apps/v1, Kind=Deployment): errors:
  .spec.replicas: expected numeric (int or float), got string
  .spec.template.spec.containers[name="vllm"].imagge: field not declared in schema`
    const refused = await words(500, { message })
    expect(refused).toMatchObject({ code: 400, isPassing: false })
    expect(refused.causes).toEqual([
      { field: 'spec.replicas', message: 'expected numeric (int or float), got string' },
      {
        field: 'spec.template.spec.containers[name="vllm"].imagge',
        message: 'field not declared in schema',
      },
    ])
  })
})
