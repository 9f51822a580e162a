import { beforeEach, describe, expect, it } from 'vitest'
import { vllmModelCrd } from '../../../src/catalogue/index.ts'
import {
  checkInWords,
  essentialChecks,
  examine,
  refusalOf,
} from '../../../src/installation/doctor/index.ts'
import { installationManifests, usesOf, type Uses } from '../../../src/installation/index.ts'
import { fakeApi, fault } from './fake-api.ts'
import { planOf } from './plans.ts'

const crdName = 'vllmmodels.vllm.efortin.github.io'
const switching = { enableModelSwitch: true }

describe('the essential checks', () => {
  let fake: ReturnType<typeof fakeApi>
  const refusal = async (uses: Uses = switching) => refusalOf(await essentialChecks(fake.api, uses))

  beforeEach(() => {
    fake = fakeApi()
  })

  it('refuse nothing where all is well', async () => {
    expect(await refusal()).toBeUndefined()
    const checks = await essentialChecks(fake.api, switching)
    expect(checks.every(({ verdict }) => verdict === 'ok')).toBe(true)
    expect(checks.map(({ what }) => what)).toContain('Right to deployments/scale')
  })

  it('name every verb that is missing, once for each resource, with what it is for', async () => {
    fake.refuse('create apps/deployments')
    fake.refuse('patch apps/deployments')
    expect(await refusal()).toMatch(
      /^Right to deployments: (patch, create|create, patch) not allowed in namespace ai-apps; it is needed to [^\n]*$/,
    )
  })

  it('ask for no right that is not used', async () => {
    fake.refuse('create apps/deployments')
    fake.refuse('create pods/portforward')
    expect(await refusal({ enableModelSwitch: false })).toBeUndefined()
  })

  it('ask for the right to forward ports where that is how pods are reached, and say who gives it', async () => {
    fake.refuse('get pods/portforward')
    const uses = (endpointMode: 'auto' | 'pod' | 'service', inCluster: boolean) =>
      usesOf({ enableModelSwitch: true, endpointMode }, { inCluster })
    expect(await refusal(uses('service', false))).toBe(
      'Right to pods/portforward: get not allowed in namespace ai-apps; it is needed to reach vLLM from outside the cluster; apply Role and RoleBinding of `vllm-chill manifests --port-forward`',
    )
    for (const others of [uses('service', true), uses('auto', false), uses('pod', false)]) {
      expect(await refusal(others)).toBeUndefined()
    }
  })

  it('say that VLLMModels are not known', async () => {
    fake.fail('list VLLMModel', fault(404, 'list vllmmodels: not found'))
    expect(await refusal()).toBe(
      `CustomResourceDefinition ${crdName}: is not installed; run \`vllm-chill install\`, or apply what \`vllm-chill manifests\` prints`,
    )
  })

  it('are one line where nobody answers', async () => {
    fake.fail('list VLLMModel', fault(0, 'list vllmmodels: does not answer: ECONNREFUSED'))
    const checks = await essentialChecks(fake.api, switching)
    expect(checks.map(checkInWords)).toEqual([
      expect.stringMatching(/^API server: .*ECONNREFUSED; check address/),
    ])
  })

  it('say that the credentials are not known', async () => {
    fake.fail('list VLLMModel', fault(401, 'who asks is not known'))
    expect(await refusal()).toMatch(/renew the credentials/)
  })

  it('do not take a question that is not answered for a missing right', async () => {
    fake.fail('review', fault(503, 'try later'))
    const checks = await essentialChecks(fake.api, switching)
    expect(refusalOf(checks)).toBeUndefined()
    expect(checks.filter(({ verdict }) => verdict === 'unknown').length).toBeGreaterThan(5)
  })
})

describe('the doctor', () => {
  let fake: ReturnType<typeof fakeApi>
  const plan = planOf({ flags: { enableModelSwitch: true } })
  const lineOf = async (what: string, asked = plan) => {
    const check = (await examine(fake.api, asked)).find((check) => check.what.startsWith(what))
    return check && `${check.verdict} ${checkInWords(check)}`
  }

  beforeEach(() => {
    fake = fakeApi(installationManifests(plan))
    const deployment = fake.objects.get('Deployment vllm-chill')!
    deployment.status = { availableReplicas: 1 }
  })

  it('is content with an installation of its own', async () => {
    expect(await lineOf('Program')).toBe(
      'ok Program vllm-chill: runs ghcr.io/efortin/vllm-chill:1.2.3, 1 of 1 available',
    )
    expect(await lineOf('Role')).toBe('ok Role vllm-chill: has every right that is used')
    expect(await lineOf('CustomRes')).toMatch(/^ok .* is installed and current$/)
    expect(await lineOf('Namespace')).toMatch(/^ok/)
  })

  it('knows a definition that drops fields', async () => {
    const old = structuredClone(vllmModelCrd()) as never as {
      spec: { versions: { schema: { openAPIV3Schema: { properties: never } } }[] }
    }
    const properties = old.spec.versions[0]!.schema.openAPIV3Schema.properties as {
      spec: { properties: Record<string, object> }
    }
    delete properties.spec.properties['extraArgs']
    fake.objects.set(`CustomResourceDefinition ${crdName}`, old)
    expect(await lineOf('CustomRes')).toMatch(/^wrong .*extraArgs.*vllm-chill install/)
  })

  it('says what it may not look at, and still what can be known', async () => {
    fake.fail(`get CustomResourceDefinition ${crdName}`, fault(403, 'forbidden'))
    fake.fail('get Namespace ai-apps', fault(403, 'forbidden'))
    expect(await lineOf('CustomRes')).toMatch(/^ok .* is installed$/)
    expect(await lineOf('Namespace')).toMatch(/^unknown .*lack of rights; .* get namespaces$/)
  })

  it('finds a Role of an older release', async () => {
    const role = fake.objects.get('Role vllm-chill') as { rules?: { resources: string[] }[] }
    role.rules = role.rules?.filter(({ resources }) => !resources.includes('pods/log'))
    expect(await lineOf('Role')).toBe(
      'wrong Role vllm-chill: lacks get on pods/log; run `vllm-chill install`',
    )
  })

  it('does not miss in the Role of a program in the cluster what only one outside needs', async () => {
    fake.refuse('get pods/portforward')
    const checks = await examine(fake.api, plan, { portForward: true })
    const saying = checks.map(({ what, verdict }) => `${verdict} ${what}`)
    expect(saying).toContain('wrong Right to pods/portforward')
    expect(saying).toContain('ok Role vllm-chill')
  })

  it('finds a Role that was made without model switching', async () => {
    fake.objects.delete('Role vllm-chill')
    const plain = installationManifests(planOf()).find(({ kind }) => kind === 'Role')!
    fake.objects.set('Role vllm-chill', plain)
    expect(await lineOf('Role')).toMatch(/lacks create.* on deployments;.* on configmaps;/)
  })

  it('says why the program is not there', async () => {
    const deployment = fake.objects.get('Deployment vllm-chill')!
    deployment.status = {
      conditions: [{ type: 'Available', status: 'False', message: 'no minimum availability' }],
    }
    expect(await lineOf('Program')).toMatch(/^wrong .*no minimum availability/)
    fake.objects.delete('Deployment vllm-chill')
    expect(await lineOf('Program')).toMatch(/^note .*is not installed here/)
    fake.objects.set('Deployment vllm-chill', {
      kind: 'Deployment',
      metadata: { name: 'vllm-chill' },
    })
    expect(await lineOf('Program')).toMatch(/^wrong .*another Deployment/)
  })

  it('shows who leads', async () => {
    expect(await lineOf('Lease')).toBeUndefined()
    fake.objects.set('Lease vllm-chill', {
      kind: 'Lease',
      metadata: { name: 'vllm-chill' },
      spec: { holderIdentity: 'pod-1' },
    })
    expect(await lineOf('Lease')).toBe('ok Lease vllm-chill: is held by pod-1')
  })

  it('finds a namespace that goes, and a server that is too old', async () => {
    const namespace = fake.objects.get('Namespace ai-apps')!
    namespace.metadata = { name: 'ai-apps', deletionTimestamp: new Date() }
    expect(await lineOf('Namespace')).toMatch(/^wrong .*being deleted/)
    Object.assign(fake.api, { serverVersion: () => Promise.resolve('v1.16.0') })
    expect(await lineOf('Kubernetes')).toMatch(/^wrong .*v1\.16\.0/)
  })
})

describe('what the doctor says of backends', () => {
  let fake: ReturnType<typeof fakeApi>
  const switching = { enableModelSwitch: true }
  const linesOf = async (flags: Record<string, unknown> = switching, file?: string) => {
    const plan = planOf({ flags, ...(file !== undefined && { file }) })
    const checks = await examine(fake.api, plan)
    return checks.map((check) => `${check.verdict} ${checkInWords(check)}`)
  }
  const model = (name: string, spec: object = {}) => ({
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name, namespace: 'ai-apps' },
    spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
  })
  const node = (name: string, allocatable: Record<string, string>, labels = {}) => ({
    kind: 'Node',
    metadata: { name, labels },
    status: { allocatable },
  })
  const deployment = (annotations = {}, container: object = {}) => ({
    kind: 'Deployment',
    metadata: { name: 'vllm', annotations },
    spec: { template: { spec: { containers: [{ name: 'vllm', ...container }] } } },
  })
  const put = (object: { kind: string; metadata: { name: string } }) =>
    void fake.objects.set(`${object.kind} ${object.metadata.name}`, object)

  beforeEach(() => {
    fake = fakeApi()
    put({ kind: 'Namespace', metadata: { name: 'ai-apps' } })
    put(model('qwen'))
    put(node('small', { 'nvidia.com/gpu': '1', cpu: '8', memory: '32Gi' }))
    put(node('big', { 'nvidia.com/gpu': '2', cpu: '8', memory: '64Gi' }, { zone: 'b' }))
  })

  it('is that nothing is missing where the program makes it', async () => {
    const lines = await linesOf()
    expect(lines).toContain('ok Deployment vllm: is not there yet; the program makes it')
    expect(lines).toContain('ok VLLMModels in ai-apps: qwen')
    expect(lines).toContain('ok Nodes with nvidia.com/gpu: 2, with 1 + 2')
    expect(lines.filter((line) => line.startsWith('wrong'))).toEqual([])
  })

  it('is that the Deployment is missing where nobody makes it', async () => {
    expect(await linesOf({})).toContainEqual(
      expect.stringMatching(/^wrong Deployment vllm: is not there; .*--enable-model-switch/),
    )
  })

  it('tells ours from what others made', async () => {
    put(deployment({ 'vllm-chill.efortin.github.io/installation': 'ai-apps/vllm-chill' }))
    expect(await linesOf()).toContain('ok Deployment vllm: is there, and of this installation')
    put(deployment({ 'vllm-chill.efortin.github.io/installation': 'ai-apps/other' }))
    expect(await linesOf({})).toContain('ok Deployment vllm: is there, and only scaled')
  })

  it('is which model an existing Deployment cannot run, and why', async () => {
    const env = [
      {
        name: 'MODEL_NAME',
        valueFrom: { configMapKeyRef: { name: 'vllm-config', key: 'MODEL_NAME' } },
      },
      {
        name: 'SERVED_MODEL_NAME',
        valueFrom: { configMapKeyRef: { name: 'vllm-config', key: 'SERVED_MODEL_NAME' } },
      },
    ]
    put(deployment({}, { env, resources: { limits: { 'nvidia.com/gpu': '1' } } }))
    put(model('wide', { tensorParallelSize: 2 }))
    const wrongs = (await linesOf()).filter((line) => line.startsWith('wrong'))
    expect(wrongs).toHaveLength(1)
    expect(wrongs[0]).toMatch(
      /^wrong Model wide on vllm: .*has 1 nvidia.com\/gpu, the model wants 2/,
    )
  })

  it('names a request that no node can ever satisfy', async () => {
    put(model('huge', { tensorParallelSize: 8 }))
    expect(await linesOf()).toContain(
      'wrong Model huge on vllm: wants 8 nvidia.com/gpu, and no node has more than 2; ask for less, or add a node that has it',
    )
  })

  it('counts memory too, and only nodes that the pod may go to', async () => {
    const pod = 'enableModelSwitch: true\npod:\n  resources: { requests: { memory: 48Gi } }\n'
    expect((await linesOf({}, pod)).filter((line) => line.startsWith('wrong'))).toEqual([])
    expect(await linesOf({}, pod.replace('48Gi', '100Gi'))).toContainEqual(
      expect.stringContaining('wants 100Gi memory, and no node has more than 64Gi'),
    )
    put(model('wide', { tensorParallelSize: 2 }))
    const small = 'enableModelSwitch: true\npod:\n  nodeSelector: { zone: a }\n'
    expect(await linesOf({}, small)).toContainEqual(
      expect.stringContaining('wants a node with zone=a, and there is none'),
    )
    expect(
      (await linesOf({}, small.replace('zone: a', 'zone: b'))).filter((line) =>
        line.startsWith('wrong'),
      ),
    ).toEqual([])
  })

  it('takes a pool at rest for no fault', async () => {
    fake.objects.delete('Node small')
    fake.objects.delete('Node big')
    put(node('plain', { cpu: '8', memory: '32Gi' }))
    const lines = await linesOf()
    expect(lines).toContainEqual(expect.stringMatching(/^note Nodes with nvidia.com\/gpu/))
    expect(lines.filter((line) => line.startsWith('wrong'))).toEqual([])
  })

  it('is what is wrong with a model', async () => {
    put(model('broken', { maxModelLen: 3 }))
    expect(await linesOf()).toContainEqual(
      expect.stringMatching(/^wrong VLLMModel broken: .*maxModelLen.*; mend it/),
    )
    put(model('odd', { image: 'not an image' }))
    expect(await linesOf()).toContainEqual(
      expect.stringMatching(/^wrong Model odd on vllm: spec.image: /),
    )
  })

  it('is which Secrets and volumes are missing', async () => {
    const flags = {
      ...switching,
      apiKeySecret: 'vllm-keys/key',
      pod: '{modelCache: {pvc: weights}}',
    }
    const before = await linesOf(flags)
    expect(before).toContainEqual(
      expect.stringMatching(/^note Secret hf-token-secret: is not there/),
    )
    expect(before).toContainEqual(expect.stringMatching(/^wrong Secret vllm-keys: is not there/))
    expect(before).toContainEqual(
      expect.stringMatching(/^wrong PersistentVolumeClaim weights: is not there/),
    )
    put({ kind: 'Secret', metadata: { name: 'vllm-keys' } })
    const claim = (phase: string) =>
      put(
        Object.assign(
          { status: { phase } },
          {
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'weights' },
          },
        ),
      )
    claim('Pending')
    const between = await linesOf(flags)
    expect(between).toContainEqual(expect.stringMatching(/^wrong Secret vllm-keys: has no key key/))
    expect(between).toContainEqual(expect.stringMatching(/^note PersistentVolumeClaim weights/))
    put(
      Object.assign(
        { data: { key: 'eA==' } },
        {
          kind: 'Secret',
          metadata: { name: 'vllm-keys' },
        },
      ),
    )
    claim('Bound')
    const after = await linesOf(flags)
    expect(after).toContain('ok Secret vllm-keys: is there')
    expect(after).toContain('ok PersistentVolumeClaim weights: is bound')
  })

  it('is what nobody may look at', async () => {
    fake.fail('get Secret hf-token-secret', fault(403, 'forbidden'))
    fake.fail('list Node', fault(403, 'forbidden'))
    const lines = await linesOf()
    expect(lines).toContain(
      'unknown GPUs: cannot be looked at for lack of rights; ask as somebody who may list nodes',
    )
    expect(lines).toContainEqual(expect.stringMatching(/^unknown Secret hf-token-secret/))
  })
})
