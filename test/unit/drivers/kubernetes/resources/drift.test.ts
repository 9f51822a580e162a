import type { V1Deployment } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  desiredObjects,
  drift,
  strategicMerge,
  type BackendPlace,
} from '../../../../../src/drivers/kubernetes/index.ts'
import { manifest, place } from './place.ts'

type Pod = BackendPlace['pod'] & { podTemplate?: Record<string, unknown> }
const deploymentOf = ({ podTemplate = {}, ...pod }: Pod, spec: Record<string, unknown> = {}) =>
  desiredObjects(place({ pod, templates: [podTemplate] }), manifest(spec), 'r1').deployment

const edited = (deployment: V1Deployment, edit: (live: V1Deployment) => void) => {
  const live = structuredClone(deployment)
  edit(live)
  return drift(deployment, live)
}

describe('entries of a list', () => {
  it('that share a name are told apart where Kubernetes tells them apart', () => {
    const deployment = deploymentOf({
      tolerations: [
        { key: 'gpu', effect: 'NoSchedule' },
        { key: 'gpu', effect: 'NoExecute' },
      ],
      podTemplate: {
        spec: {
          containers: [
            {
              name: 'vllm',
              volumeMounts: [
                { name: 'shm', mountPath: '/a', subPath: 'a' },
                { name: 'shm', mountPath: '/b', subPath: 'b' },
              ],
              ports: [
                { containerPort: 9000, protocol: 'UDP' },
                { containerPort: 9000, protocol: 'TCP', name: 'x' },
              ],
            },
          ],
        },
      },
    })
    expect(edited(deployment, () => undefined)).toEqual([])
    const tolerations = edited(deployment, ({ spec }) => {
      spec!.template.spec!.tolerations![1]!.effect = 'PreferNoSchedule'
    })
    expect(tolerations.map(({ path }) => path)).toEqual([
      'spec.template.spec.tolerations[1].effect',
    ])
    const mounts = edited(deployment, ({ spec }) => {
      spec!.template.spec!.containers[0]!.volumeMounts!.find(
        ({ mountPath }) => mountPath === '/b',
      )!.subPath = 'c'
    })
    expect(mounts.map(({ path }) => path)).toEqual([
      'spec.template.spec.containers[name=vllm].volumeMounts[mountPath=/b].subPath',
    ])
  })
})

describe('an amount', () => {
  it('is the same in other words, but the same number in other words is no argument', () => {
    const deployment = deploymentOf(
      { resources: { limits: { memory: '2Gi' } } },
      { extraArgs: ['--seed', '1000'] },
    )
    const [memory, seed] = [
      edited(deployment, ({ spec }) => {
        spec!.template.spec!.containers[0]!.resources!.limits!['memory'] = '2048Mi'
      }),
      edited(deployment, ({ spec }) => {
        const args = spec!.template.spec!.containers[0]!.args!
        args[args.indexOf('1000')] = '1k'
      }),
    ]
    expect(memory).toEqual([])
    expect(seed.map(({ path }) => path)).toEqual(['spec.template.spec.containers[name=vllm].args'])
  })
})

describe('a secret', () => {
  const deployment = deploymentOf(
    { env: { TOKEN: 'hunter2' } },
    { extraArgs: ['--api-key', 'hunter3', '--api-key=hunter4'] },
  )
  const variables = (live: V1Deployment) => live.spec!.template.spec!.containers[0]!.env!

  it.each<[string, (live: V1Deployment) => void]>([
    ['changed', (live) => void (variables(live).find(({ name }) => name === 'TOKEN')!.value = 'x')],
    ['taken away', (live) => void variables(live).splice(variables(live).length - 16)],
    ['among the arguments', ({ spec }) => void spec!.template.spec!.containers[0]!.args!.pop()],
    ['with its container', ({ spec }) => void (spec!.template.spec!.containers = [])],
  ])('that was %s is found and not shown', (_, edit) => {
    const found = edited(deployment, edit)
    expect(found).not.toEqual([])
    expect(JSON.stringify(found)).not.toContain('hunter')
  })
})

describe('of what may be there once, the patch has its way:', () => {
  it.each<[string, object, object, object]>([
    [
      'the value of a variable',
      { env: [{ name: 'A', valueFrom: { fieldRef: {} } }] },
      { env: [{ name: 'A', value: '1' }] },
      { env: [{ name: 'A', value: '1' }] },
    ],
    [
      'the source of a volume',
      { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory' } }] },
      { volumes: [{ name: 'shm', hostPath: { path: '/x' } }] },
      { volumes: [{ name: 'shm', hostPath: { path: '/x' } }] },
    ],
    [
      'a field of that source, which stays',
      { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '2Gi' } }] },
      { volumes: [{ name: 'shm', emptyDir: { sizeLimit: '4Gi' } }] },
      { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '4Gi' } }] },
    ],
    [
      'how a probe asks',
      { livenessProbe: { httpGet: { path: '/' }, periodSeconds: 5 } },
      { livenessProbe: { exec: { command: ['x'] } } },
      { livenessProbe: { exec: { command: ['x'] }, periodSeconds: 5 } },
    ],
    [
      'a map that is deleted',
      { securityContext: { runAsUser: 1 }, a: 1 },
      { securityContext: { $patch: 'delete' } },
      { a: 1 },
    ],
  ])('%s', (_, target, patch, merged) => {
    expect(strategicMerge(target, patch)).toEqual(merged)
  })
})
