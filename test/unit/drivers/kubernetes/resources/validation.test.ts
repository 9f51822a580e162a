import { describe, expect, it } from 'vitest'
import { validatePod, type BackendPlace } from '../../../../../src/drivers/kubernetes/index.ts'
import { manifest, place } from './place.ts'
import { refused } from './refused.ts'

const problems = (spec: Record<string, unknown> = {}, at: Partial<BackendPlace> = {}) =>
  validatePod(place(at), manifest(spec))

describe('before a pod is sent', () => {
  it.each<[Record<string, unknown>, Partial<BackendPlace>]>([
    [{}, {}],
    [{ tensorParallelSize: 2, gpuCount: 4 }, {}],
    [{ gpuCount: 0, tensorParallelSize: 2 }, {}],
    [{ image: 'localhost:5000/a/b__c-d:v1.2@sha256:' + 'a'.repeat(64) }, {}],
    [{ image: 'REGISTRY.example.com/vllm' }, {}],
    [{}, { image: 'vllm', pod: { shmSize: '16Gi' } }],
    [{}, { pod: { resources: { limits: { cpu: '500m', memory: '64Gi' } } } }],
    [{}, { pod: { resources: { requests: { cpu: 2, 'hugepages-2Mi': '4Mi' } } } }],
    [{}, { pod: { labels: { 'example.com/team': 'A_b.c', empty: '' } } }],
    [{ podTemplate: { spec: { aFieldOfTheFuture: { x: 1 }, affinity: null } } }, {}],
    [{ podTemplate: { spec: { securityContext: { $patch: 'delete' } } } }, {}],
    [
      {
        podTemplate: {
          spec: {
            containers: [
              {
                name: 'vllm',
                resources: { limits: { cpu: 1.5 } },
                securityContext: { privileged: true, allowPrivilegeEscalation: true },
                readinessProbe: { tcpSocket: { port: 'http' } },
              },
            ],
          },
        },
      },
      {},
    ],
  ])('%j on %j is fine', (spec, at) => {
    expect(problems(spec, at)).toEqual([])
  })

  it.each(refused)('$path is named: $says', ({ path, says, spec, at }) => {
    const found = problems(spec, at)
    expect(found.map((each) => each.path)).toEqual([path])
    expect(found[0]?.message).toContain(says)
  })
})
