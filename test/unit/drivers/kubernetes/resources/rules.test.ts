import type { V1Deployment } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  cannotExpress,
  desiredObjects,
  drift,
  quantityOf,
  strategicMerge,
} from '../../../../../src/drivers/kubernetes/index.ts'
import { manifest, place } from './place.ts'

describe('an existing Deployment', () => {
  const keys = ['MODEL_NAME', 'SERVED_MODEL_NAME', 'MAX_MODEL_LEN']
  const live = (fields: object = {}): V1Deployment => ({
    spec: {
      selector: {},
      template: {
        spec: {
          containers: [
            { name: 'sidecar' },
            {
              name: 'main',
              image: 'theirs:1',
              env: keys.map((key) => ({
                name: key,
                valueFrom: { configMapKeyRef: { name: 'vllm-config', key } },
              })),
              resources: { limits: { 'nvidia.com/gpu': '1' } },
              ...fields,
            },
          ],
        },
      },
    },
  })
  const why = (spec: object, deployment = live()) =>
    cannotExpress(deployment, place(), manifest({ ...spec }))

  it('runs what its keys can say', () => {
    expect(why({ maxModelLen: 1024, image: 'theirs:1' })).toBeUndefined()
    const all = live({ env: [], envFrom: [{ configMapRef: { name: 'vllm-config' } }] })
    expect(why({ dtype: 'half' }, all)).toBeUndefined()
  })

  it.each([
    [{ image: 'mine:1' }, 'image theirs:1'],
    [{ tensorParallelSize: 2 }, '1 nvidia.com/gpu, the model wants 2'],
    [{ extraArgs: ['--x'] }, 'extraArgs (--x)'],
    [{ aliases: ['b'] }, 'aliases (b)'],
    [{ env: { A: 'b' } }, 'env (A)'],
    [{ command: 'x' }, 'a command'],
    [{ podTemplate: {} }, 'a podTemplate'],
    [{ dtype: 'half', maxNumSeqs: 3 }, 'does not read MAX_NUM_SEQS, DTYPE'],
  ])('cannot run %j: %s', (spec, message) => {
    expect(why(spec)).toContain(message)
    expect(why(spec)).toContain('Deployment ai/vllm was not made by vllm-chill')
  })

  it('that reads no ConfigMap turns to no model', () => {
    expect(why({}, live({ env: [] }))).toContain('reads the ConfigMap vllm-config')
  })
})

describe('drift', () => {
  const { deployment } = desiredObjects(place(), manifest(), 'r1')
  const live = () => structuredClone<V1Deployment>(deployment)

  it('is not what the server or others have added, nor another way to write an amount', () => {
    const found = live()
    found.status = { replicas: 1 }
    found.spec!.replicas = 1
    found.spec!.template.spec!.dnsPolicy = 'ClusterFirst'
    found.spec!.template.spec!.containers[0]!.env!.unshift({ name: 'ADDED' })
    found.spec!.template.spec!.volumes![0]!.emptyDir!.sizeLimit = '2048Mi'
    found.metadata!.annotations!['deployment.kubernetes.io/revision'] = '7'
    delete found.spec!.template.spec!.containers[0]!.resources!.requests
    expect(drift(deployment, found)).toEqual([])
  })

  it.each<[string, (found: V1Deployment) => void]>([
    ['spec.strategy.type', (found) => void (found.spec!.strategy!.type = 'RollingUpdate')],
    [
      'spec.template.spec.containers[name=vllm].image',
      (found) => void (found.spec!.template.spec!.containers[0]!.image = 'x'),
    ],
    [
      'spec.template.spec.containers[name=vllm].args',
      (found) => void found.spec!.template.spec!.containers[0]!.args!.push('--more'),
    ],
    [
      'spec.template.spec.containers[name=vllm].env[name=DTYPE]',
      (found) => {
        const [one] = found.spec!.template.spec!.containers
        one!.env = one!.env!.filter(({ name }) => name !== 'DTYPE')
      },
    ],
    [
      'spec.template.spec.containers[name=vllm].resources.limits["nvidia.com/gpu"]',
      (found) => {
        found.spec!.template.spec!.containers[0]!.resources!.limits!['nvidia.com/gpu'] = '2'
      },
    ],
    ['metadata.labels.managed-by', (found) => void delete found.metadata!.labels!['managed-by']],
    [
      'spec.template.spec.automountServiceAccountToken',
      (found) => void (found.spec!.template.spec!.automountServiceAccountToken = true),
    ],
  ])('is %s', (path, edit) => {
    const found = live()
    edit(found)
    expect(drift(deployment, found).map((each) => each.path)).toEqual([path])
  })
})

describe('a strategic merge', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['maps deeply', { a: { b: 1, c: 2 } }, { a: { c: 3 } }, { a: { b: 1, c: 3 } }],
    ['null takes away', { a: 1, b: 2 }, { a: null }, { b: 2 }],
    ['plain lists are replaced', { args: ['a', 'b'] }, { args: ['c'] }, { args: ['c'] }],
    [
      'lists with a key by their entries',
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
      {
        env: [
          { name: 'B', value: '3' },
          { name: 'C', value: '4' },
        ],
      },
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '3' },
          { name: 'C', value: '4' },
        ],
      },
    ],
    [
      'an entry is deleted',
      { volumes: [{ name: 'a' }, { name: 'b' }] },
      { volumes: [{ name: 'a', $patch: 'delete' }] },
      { volumes: [{ name: 'b' }] },
    ],
    [
      'a list is replaced',
      { volumes: [{ name: 'a' }] },
      { volumes: [{ name: 'c' }, { $patch: 'replace' }] },
      { volumes: [{ name: 'c' }] },
    ],
    ['a map is replaced', { m: { a: 1 } }, { m: { b: 2, $patch: 'replace' } }, { m: { b: 2 } }],
    [
      'ports by number and protocol, TCP unless said',
      { ports: [{ containerPort: 1, name: 'a' }] },
      {
        ports: [
          { containerPort: 1, protocol: 'TCP', name: 'b' },
          { containerPort: 1, protocol: 'UDP' },
        ],
      },
      {
        ports: [
          { containerPort: 1, protocol: 'TCP', name: 'b' },
          { containerPort: 1, protocol: 'UDP' },
        ],
      },
    ],
    [
      'a map is deleted',
      { securityContext: { a: 1 }, b: 1 },
      { securityContext: { $patch: 'delete' } },
      { b: 1 },
    ],
    [
      'another source of a volume takes the place of the old one',
      { volumes: [{ name: 'shm', emptyDir: { sizeLimit: '1Gi' } }] },
      { volumes: [{ name: 'shm', hostPath: { path: '/dev/shm' } }] },
      { volumes: [{ name: 'shm', hostPath: { path: '/dev/shm' } }] },
    ],
    [
      'the same source of a volume is merged',
      { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } }] },
      { volumes: [{ name: 'shm', emptyDir: { sizeLimit: '2Gi' } }] },
      { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '2Gi' } }] },
    ],
    [
      'a value of a variable takes the place of its source',
      { env: [{ name: 'A', valueFrom: {} }] },
      { env: [{ name: 'A', value: 'b' }] },
      { env: [{ name: 'A', value: 'b' }] },
    ],
    [
      'another way to probe takes the place of the old one, and the times stay',
      { livenessProbe: { httpGet: { path: '/health' }, periodSeconds: 10 } },
      { livenessProbe: { exec: { command: ['true'] } } },
      { livenessProbe: { exec: { command: ['true'] }, periodSeconds: 10 } },
    ],
  ])('%s', (_, target, patch, merged) => {
    expect(strategicMerge(target, patch)).toEqual(merged)
  })
})

describe('a quantity', () => {
  it.each([
    ['500m', 0.5],
    ['2', 2],
    [2, 2],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['1e3', 1000],
    ['1k', 1000],
    ['much', undefined],
    ['', undefined],
  ])('%s is %s', (text, value) => {
    expect(quantityOf(text)).toBe(value)
  })
})
