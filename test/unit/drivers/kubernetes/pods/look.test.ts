import { describe, expect, it } from 'vitest'
import { container, crashing, deployment, look, waiting } from './fixtures.ts'

describe('the phase of a start', () => {
  it.each([
    ['resources', []],
    ['scheduling', [{ node: undefined, unschedulable: { message: 'no', seconds: 1 } }]],
    ['image', [{ container: { state: waiting('ContainerCreating') } }]],
    ['image', [{ container: { state: waiting('ContainerCreating') }, beside: {} }]],
    [
      'process',
      [{ init: container({ name: 'fetch' }), container: { state: waiting('PodInitializing') } }],
    ],
    ['process', [{ container: crashing(1) }]],
    ['loading', [{}]],
  ] as const)('is %s', (phase, pods) => {
    expect(look([...pods]).phase).toBe(phase)
  })

  it('is none of a Deployment without replicas', () => {
    const at0 = deployment()
    at0.spec!.replicas = 0
    expect(look([], { deployment: at0 }).phase).toBeUndefined()
  })
})

describe('a pod that is ready', () => {
  it('can be asked at its address and the port named http', () => {
    expect(look([{ ready: true }]).ready).toMatchObject([
      { address: '10.0.0.7', port: 8000, incarnation: 'u1/containerd://c1' },
    ])
  })

  it.each([
    ['not Ready', { ready: false }],
    ['leaving', { ready: true, leaving: true }],
    ['of another template', { ready: true, revision: '0' }],
    ['without a running container', { ready: true, container: { state: {} } }],
  ])('is none that is %s', (_, options) => {
    expect(look([options]).ready).toEqual([])
  })

  it.each([
    [9000, 9000],
    ['web', 7000],
    ['9001', 9001],
  ] as const)(
    'is asked where the Service leads (%s) if no port is named http',
    (targetPort, port) => {
      const service = { spec: { ports: [{ port: 80, targetPort }] } }
      const ports = [{ name: 'web', containerPort: 7000 }]
      expect(look([{ ready: true, ports }], { service }).ready[0]?.port).toBe(port)
    },
  )
})

describe('a backend with several pods', () => {
  it('is no failure while one of them can be asked', () => {
    const failing = { uid: 'u2', container: crashing(1) }
    expect(look([failing]).failure).toBeDefined()
    const sight = look([failing, { ready: true }])
    expect(sight).toMatchObject({ failure: undefined, progress: undefined, present: 2 })
    expect(sight.ready).toHaveLength(1)
  })

  it('counts what leaves until it is gone, whatever its phase', () => {
    const leaving = look([{ leaving: true, phase: 'Succeeded' }])
    expect(leaving).toMatchObject({ present: 1, leaving: true, phase: 'resources' })
    expect(look([{ phase: 'Succeeded' }])).toMatchObject({ present: 0, leaving: false })
  })
})
