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
    await api.get('Pod', 'x')
    expect(times).toBe(3)
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
})
