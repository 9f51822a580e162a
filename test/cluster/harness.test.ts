import { CoreV1Api } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBinaries, howToGetBinaries } from './binaries/index.ts'
import { connect, type ControlPlane, startControlPlane } from './control-plane/index.ts'

if (findBinaries() === undefined) console.warn(`skipped: ${howToGetBinaries}`)

describe.skipIf(findBinaries() === undefined)('a control plane', () => {
  let plane: ControlPlane
  beforeAll(async () => {
    plane = await startControlPlane()
  })
  afterAll(() => plane?.stop())

  it('gives the service account nothing that no role gives it, and has that on record', async () => {
    const account = connect(plane.serviceAccount()).makeApiClient(CoreV1Api)
    await expect(account.listNamespacedPod({ namespace: 'ai-apps' })).rejects.toThrow(
      'system:serviceaccount:ai-apps:vllm-chill',
    )
    expect(await plane.auditLog()).toContainEqual(
      expect.objectContaining({
        user: 'system:serviceaccount:ai-apps:vllm-chill',
        verb: 'list',
        resource: 'pods',
        namespace: 'ai-apps',
        status: 403,
        allowed: false,
      }),
    )
  })

  it('comes back with the same data after its API server was away', async () => {
    const core = plane.client.makeApiClient(CoreV1Api)
    await plane.stopApiServer()
    await expect(core.readNamespace({ name: 'ai-apps' })).rejects.toThrow()
    await plane.startApiServer()
    await expect(core.readNamespace({ name: 'ai-apps' })).resolves.toBeDefined()
  })
})
