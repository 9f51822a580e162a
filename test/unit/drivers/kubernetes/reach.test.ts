import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { EndpointMode } from '../../../../src/drivers/kubernetes/index.ts'
import type { ReadyPod } from '../../../../src/drivers/kubernetes/pods/index.ts'
import { createReach } from '../../../../src/drivers/kubernetes/reach.ts'
import { FakeCluster, fault } from './cluster/index.ts'
import { place } from './resources/place.ts'

/** No pod has it, and no host refuses for it. */
const nowhere = '255.255.255.255'
const serviceUrl = 'http://vllm-svc.ai.svc:80'

async function listening(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const ready = (address: string, port: number, incarnation = 'u1/c1'): ReadyPod => ({
  pod: { metadata: { name: 'vllm-1' } },
  address,
  port,
  incarnation,
})

function reaching(mode: EndpointMode, inCluster: boolean) {
  const cluster = new FakeCluster()
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const reach = createReach({ api: cluster.api, mode, inCluster, log })
  return { cluster, log, reach, urlOf: (pod: ReadyPod) => reach.urlOf(place(), pod) }
}

describe('a pod is reached', () => {
  it('at its address where that can be reached', async () => {
    const port = await listening()
    for (const inCluster of [true, false]) {
      const { urlOf } = reaching('auto', inCluster)
      expect(await urlOf(ready('127.0.0.1', port))).toBe(`http://127.0.0.1:${port}`)
    }
  })

  it('at its address also where nothing listens there yet: somebody has said so', async () => {
    const { urlOf } = reaching('auto', true)
    expect(await urlOf(ready('127.0.0.1', 1))).toBe('http://127.0.0.1:1')
  })

  it('at its address where that is what is wanted, whatever is there', async () => {
    const { urlOf } = reaching('pod', false)
    expect(await urlOf(ready(nowhere, 8000))).toBe(`http://${nowhere}:8000`)
    expect(await urlOf(ready('fd00::1', 8000, 'u2/c2'))).toBe('http://[fd00::1]:8000')
  })

  it('through its Service where its address cannot be reached, and the log says so', async () => {
    const { urlOf, log } = reaching('auto', true)
    expect(await urlOf(ready(nowhere, 8000))).toBe(serviceUrl)
    expect(log.warn).toHaveBeenCalledTimes(1)
  })

  it('through its Service where that is what is wanted', async () => {
    const { urlOf } = reaching('service', true)
    expect(await urlOf(ready('127.0.0.1', 8000))).toBe(serviceUrl)
  })

  it('through the API server from outside, where its address cannot be reached', async () => {
    const { urlOf, cluster } = reaching('auto', false)
    expect(await urlOf(ready(nowhere, 8000))).toBe('http://127.0.0.1:8000')
    expect(cluster.calls.all).toEqual(['forward vllm-1 8000'])
  })

  it('through the API server from outside, where a Service is wanted', async () => {
    const { urlOf, cluster } = reaching('service', false)
    await urlOf(ready('127.0.0.1', 8000))
    expect(cluster.calls.all).toEqual(['forward vllm-1 8000'])
  })
})

describe('the way to a pod', () => {
  it('is found once for each of its containers', async () => {
    const { urlOf, cluster } = reaching('service', false)
    await Promise.all([urlOf(ready('127.0.0.1', 8000)), urlOf(ready('127.0.0.1', 8000))])
    expect(cluster.calls.all).toHaveLength(1)
    await urlOf(ready('127.0.0.1', 8000, 'u1/c2'))
    expect(cluster.calls.all).toHaveLength(2)
  })

  it('is looked for again where it could not be found', async () => {
    const { urlOf, cluster } = reaching('service', false)
    cluster.calls.fail('forward', fault(503))
    await expect(urlOf(ready('127.0.0.1', 8000))).rejects.toThrow('answered 503')
    expect(await urlOf(ready('127.0.0.1', 8000))).toBe('http://127.0.0.1:8000')
  })

  it('is given up with its pod, and no other backend’s with it', async () => {
    const { reach, urlOf, cluster } = reaching('service', false)
    await urlOf(ready('127.0.0.1', 8000))
    reach.keepOnly('other', new Set())
    reach.keepOnly('vllm', new Set(['u1']))
    expect(cluster.calls.all).toHaveLength(1)
    reach.keepOnly('vllm', new Set(['u2']))
    await vi.waitFor(() => expect(cluster.calls.all.at(-1)).toBe('forward vllm-1 8000 closed'))
  })

  it('is given up when the driver is closed, however it ended', async () => {
    const { reach, urlOf, cluster } = reaching('service', false)
    await urlOf(ready('127.0.0.1', 8000))
    cluster.calls.fail('forward', fault(403))
    const failed = urlOf(ready('127.0.0.1', 8001, 'u2/c2'))
    failed.catch(() => undefined)
    await reach.close()
    await expect(failed).rejects.toThrow('answered 403')
    expect(cluster.calls.all.at(-1)).toBe('forward vllm-1 8000 closed')
  })
})
