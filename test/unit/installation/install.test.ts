import { beforeEach, describe, expect, it } from 'vitest'
import { install, type InstallOptions } from '../../../src/installation/install.ts'
import { fakeApi, fault } from './fake-api.ts'
import { everything, planOf } from './plans.ts'

type Fake = ReturnType<typeof fakeApi>

const available = { observedGeneration: 1, updatedReplicas: 1, availableReplicas: 1 }
const established = { conditions: [{ type: 'Established', status: 'True' }] }

/** Controllers for which all goes well. */
function allGoesWell(fake: Fake): void {
  fake.afterApply((object) => {
    if (object.kind === 'CustomResourceDefinition') object.status = established
    if (object.kind === 'Deployment') object.status = available
  })
}

const pod = (status: object) => ({
  kind: 'Pod',
  metadata: {
    name: 'vllm-chill-abc-1',
    labels: {
      'app.kubernetes.io/name': 'vllm-chill',
      'app.kubernetes.io/instance': 'vllm-chill',
      'pod-template-hash': 'abc',
    },
  },
  status,
})

describe('install', () => {
  let fake: Fake
  let told: string[]
  const run = (more: Partial<InstallOptions> = {}) =>
    install({
      api: fake.api,
      plan: planOf(),
      timeoutMs: 50,
      tell: (line) => told.push(line),
      ...more,
    })

  beforeEach(() => {
    fake = fakeApi()
    told = []
    allGoesWell(fake)
  })

  it('applies everything in order and waits until the program answers', async () => {
    await run()
    expect(fake.done).toEqual([
      'apply Namespace ai-apps',
      'apply CustomResourceDefinition vllmmodels.vllm.efortin.github.io',
      'apply ServiceAccount vllm-chill',
      'apply Role vllm-chill',
      'apply RoleBinding vllm-chill',
      'apply Service vllm-chill',
      'apply Deployment vllm-chill',
    ])
    expect(told).toContain('Role vllm-chill created')
    expect(told.at(-1)).toBe('Deployment vllm-chill is available: /readyz answers')
  })

  it('asks the server what it knows: rules from 1.25 on', async () => {
    await run()
    expect(JSON.stringify([...fake.objects.values()])).toContain('x-kubernetes-validations')
  })

  it('says of a second time that all is as it should be, and of other settings what changed', async () => {
    await run()
    told.length = 0
    fake.done.length = 0
    await run()
    expect(told).toContain('Role vllm-chill is as it should be')
    expect(told.join()).not.toMatch(/created|changed/)
    told.length = 0
    await run({ plan: planOf({ own: { programImage: 'other:2' } }) })
    expect(told).toContain('Deployment vllm-chill changed')
    expect(told).toContain(
      '  ~ spec.template.spec.containers[vllm-chill].image: ghcr.io/efortin/vllm-chill:1.2.3 → other:2',
    )
  })

  it('leaves a namespace alone that is there', async () => {
    fake.objects.set('Namespace ai-apps', { kind: 'Namespace', metadata: { name: 'ai-apps' } })
    await run()
    expect(fake.done).not.toContain('apply Namespace ai-apps')
  })

  it('changes nothing in a dry run, and says what would be', async () => {
    fake.objects.set('Namespace ai-apps', { kind: 'Namespace', metadata: { name: 'ai-apps' } })
    await run({ dryRun: true })
    expect(fake.objects.size).toBe(1)
    expect(fake.done.every((step) => step.startsWith('try '))).toBe(true)
    expect(told).toContain('Deployment vllm-chill would be created')
  })

  it('cannot try in a namespace that is not there yet, and says so', async () => {
    await run({ dryRun: true })
    expect(fake.done).toEqual([
      'try Namespace ai-apps',
      'try CustomResourceDefinition vllmmodels.vllm.efortin.github.io',
    ])
    expect(told.join('\n')).toContain('Deployment vllm-chill would be created; not tried')
  })

  it('touches nothing when something of the same name is not its own', async () => {
    fake.objects.set('Deployment vllm-chill', {
      kind: 'Deployment',
      metadata: { name: 'vllm-chill' },
    })
    await expect(run()).rejects.toThrow(/^Deployment vllm-chill: not made by this installation/)
    expect(fake.done).toEqual([])
  })

  it.each([
    [
      'a conflict',
      fault(409, 'apply Role: .rules belongs to kubectl', {
        conflicts: [{ field: 'rules', manager: 'kubectl' }],
      }),
      /belongs to kubectl; --force/,
    ],
    ['a missing right', fault(403, 'apply Role: forbidden'), /ask somebody who may/],
  ])('says what %s means', async (_, problem, words) => {
    fake.fail('apply Role vllm-chill', problem)
    await expect(run()).rejects.toThrow(words)
  })

  it('says that the Prometheus operator is missing', async () => {
    fake.fail('apply ServiceMonitor vllm-chill', fault(404, 'apply ServiceMonitor: not found'))
    await expect(run({ plan: planOf({ own: everything }) })).rejects.toThrow(/--service-monitor/)
  })

  it('takes fields over when told to', async () => {
    await run({ force: true })
    expect(fake.done).toContain('force Role vllm-chill')
  })

  it.each([
    ['ImagePullBackOff', { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }],
    ['CreateContainerConfigError', { waiting: { reason: 'CreateContainerConfigError' } }],
  ])('gives up at once on %s', async (reason, state) => {
    fake.afterApply((object) => {
      if (object.kind === 'CustomResourceDefinition') object.status = established
    })
    fake.objects.set('Pod 1', pod({ containerStatuses: [{ state }] }))
    await expect(run({ timeoutMs: 60_000 })).rejects.toThrow(reason)
  })

  it('shows the last lines of a program that ends again and again', async () => {
    fake.afterApply((object) => {
      if (object.kind === 'CustomResourceDefinition') object.status = established
    })
    const state = { waiting: { reason: 'CrashLoopBackOff' } }
    const lastState = { terminated: { exitCode: 2 } }
    fake.objects.set('Pod 1', pod({ containerStatuses: [{ state, lastState }] }))
    await expect(run({ timeoutMs: 60_000 })).rejects.toThrow(/exit code 2[^]*last line/)
  })

  it('says what a Deployment could not make', async () => {
    fake.afterApply((object) => {
      if (object.kind === 'CustomResourceDefinition') object.status = established
      if (object.kind !== 'Deployment') return
      const message = 'exceeded quota: pods'
      object.status = { conditions: [{ type: 'ReplicaFailure', status: 'True', message }] }
    })
    await expect(run({ timeoutMs: 60_000 })).rejects.toThrow('exceeded quota')
  })

  it('waits no longer than it is told, and says how far it came', async () => {
    fake.afterApply((object) => {
      if (object.kind === 'CustomResourceDefinition') object.status = established
    })
    const conditions = [
      { type: 'PodScheduled', status: 'False', message: '0/1 nodes are available' },
    ]
    fake.objects.set('Pod 1', pod({ phase: 'Pending', conditions }))
    await expect(run({ timeoutMs: 0 })).rejects.toThrow(/0 of 1 available.*0\/1 nodes/)
  })
})
