import { readFile, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { text } from 'node:stream/consumers'
import { rootCertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Api,
  type ApiFault,
  connect,
  createApi,
  type Follower,
} from '../../src/drivers/kubernetes/api/index.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { type ApiFaults, startApiFaults } from './faults/index.ts'
import { containerStatus, deploy, isReady, namespace } from './workload.ts'

const log = () => ({ info: vi.fn(), warn: vi.fn(), error: vi.fn() })

const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
})

/** What a call fails with. */
const fault = (call: Promise<unknown>): Promise<ApiFault> =>
  call.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as ApiFault,
  )

describe.skipIf(findBinaries() === undefined)('the Kubernetes API', () => {
  let cluster: Cluster
  let api: Api
  const open = (kubeconfig: string, home = namespace) =>
    createApi(connect({ kubeconfig }), { namespace: home, log: log(), budgetMs: 5_000 })
  beforeAll(async () => {
    cluster = await startCluster()
    api = open(cluster.plane.admin)
  })
  afterAll(() => cluster?.stop())

  describe('objects', () => {
    it('are applied, and a dry run changes nothing', async () => {
      const dry = await api.apply(configMap('applied', { a: '1' }), { dryRun: true })
      expect(dry.metadata).toMatchObject({ name: 'applied', namespace })
      expect(await api.get('ConfigMap', 'applied')).toBeUndefined()
      await api.apply(configMap('applied', { a: '1' }))
      await api.apply(configMap('applied', { b: '2' }))
      const live = await api.get('ConfigMap', 'applied')
      expect(live).toMatchObject({ kind: 'ConfigMap', data: { b: '2' } })
      expect(live?.metadata?.managedFields?.map(({ manager }) => manager)).toEqual(['vllm-chill'])
    })

    it('that somebody else has a field of are refused with field and manager, until forced', async () => {
      await api.apply(configMap('shared', { key: 'theirs' }), { fieldManager: 'kustomizer' })
      const conflict = await fault(api.apply(configMap('shared', { key: 'ours' })))
      expect(conflict).toMatchObject({
        code: 409,
        conflicts: [{ field: 'data.key', manager: 'kustomizer' }],
        message: 'apply ConfigMap ai-apps/shared: data.key belongs to kustomizer',
      })
      await api.apply(configMap('shared', { key: 'ours' }), { force: true })
      expect((await api.get('ConfigMap', 'shared'))?.data).toEqual({ key: 'ours' })
    })

    it('that are wrong are refused with the path of what is wrong', async () => {
      const service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'wrong' },
        spec: { ports: [{ port: 70_000, protocol: 'TCP' }] },
      }
      const refused = await fault(api.apply(service))
      expect(refused).toMatchObject({
        code: 422,
        reason: 'Invalid',
        causes: [
          expect.objectContaining({ field: 'spec.ports[0].port' }),
          { field: 'spec.ports[0].targetPort', message: expect.stringContaining('65535') },
        ],
      })
    })

    it('that do not fit their type are refused too, and not taken for trouble of the server', async () => {
      const fit = (spec: object) =>
        fault(
          api.apply({
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name: 'unfit' },
            spec,
          }),
        )
      const refused = await fit({ template: { spec: { hostNetz: true } } })
      expect(refused).toMatchObject({ code: 400, isPassing: false })
      expect(refused.causes).toEqual([
        { field: 'spec.template.spec.hostNetz', message: 'field not declared in schema' },
      ])
      expect(await fit({ replicas: 'two' })).toMatchObject({
        code: 400,
        causes: [{ field: 'spec.replicas', message: expect.stringContaining('numeric') }],
      })
    })

    it('are patched, listed by label, and removed', async () => {
      await api.apply(configMap('patched', { a: '1' }))
      await api.patch('ConfigMap', 'patched', { metadata: { labels: { mine: 'yes' } } })
      const found = await api.list('ConfigMap', { labelSelector: 'mine=yes' })
      expect(found).toMatchObject([{ apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } }])
      expect(await api.remove('ConfigMap', 'patched')).toBe(true)
      expect(await api.remove('ConfigMap', 'patched')).toBe(false)
    })

    it('that somebody has written meanwhile are not replaced', async () => {
      const first = await api.create(configMap('replaced'))
      await api.replace({ ...first, data: { by: 'the first' } })
      expect(await fault(api.replace({ ...first, data: { by: 'the second' } }))).toMatchObject({
        code: 409,
        reason: 'Conflict',
        conflicts: [],
      })
    })

    it('of a kind that is not installed are said to be that', async () => {
      expect(await fault(api.list('ServiceMonitor'))).toMatchObject({
        code: 404,
        message: expect.stringContaining('is its CustomResourceDefinition installed?'),
      })
    })

    it('beyond a quota are refused in the words of the quota', async () => {
      await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'tight' } })
      const tight = open(cluster.plane.admin, 'tight')
      await tight.apply({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'no-secrets' },
        spec: { hard: { 'count/secrets': '0' } },
      })
      await eventually(async () => (await tight.get('ResourceQuota', 'no-secrets'))?.status?.hard, {
        what: 'the quota holds',
      })
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one-too-many' } }
      expect(await fault(tight.create(secret))).toMatchObject({
        code: 403,
        message: expect.stringMatching(
          /^create Secret tight\/one-too-many: refused: exceeded quota: no-secrets, requested: count\/secrets=1/,
        ),
      })
    })
  })

  it('says which right is missing, and knows it before it is missed', async () => {
    const account = open(cluster.plane.serviceAccount())
    const message =
      'read the scale of Deployment ai-apps/vllm: system:serviceaccount:ai-apps:vllm-chill lacks the right to get deployments/scale of apps in the namespace ai-apps (403)'
    expect(await fault(account.readScale('vllm'))).toMatchObject({ code: 403, message })
    expect(await account.review('get', 'apps', 'deployments', 'scale')).toMatchObject({
      allowed: false,
    })
    expect(await api.review('get', 'apps', 'deployments', 'scale')).toMatchObject({ allowed: true })
  })

  it('trusts nobody whose certificate it does not know, and says so at once', async () => {
    const config = JSON.parse(await readFile(cluster.plane.admin, 'utf8'))
    const ca = Buffer.from(rootCertificates[0] ?? '').toString('base64')
    config.clusters[0].cluster['certificate-authority-data'] = ca
    const file = `${cluster.plane.admin}.distrusting`
    await writeFile(file, JSON.stringify(config))
    const begun = performance.now()
    const refused = await fault(open(file).get('Pod', 'x'))
    expect(refused.message).toMatch(/cannot be trusted: .*certificate/)
    expect(performance.now() - begun).toBeLessThan(3_000)
  })

  it('scales by what it has read, and not when that is old', async () => {
    const work = await deploy(cluster.plane.client, 'scaled', { replicas: 0 })
    await eventually(
      async () => (await api.get('Deployment', 'scaled'))?.status?.observedGeneration,
      { what: 'its controller has written to it' },
    )
    const read = await api.readScale('scaled')
    expect(read?.replicas).toBe(0)
    await api.writeScale('scaled', 1, read!.resourceVersion)
    expect(await fault(api.writeScale('scaled', 2, read!.resourceVersion))).toMatchObject({
      code: 409,
    })
    expect((await api.readScale('scaled'))?.replicas).toBe(1)
    expect(await api.readScale('nothing')).toBeUndefined()
    await work.remove()
  })

  it('reads the last lines of a container, also of one that has crashed', async () => {
    const script = 'echo first; printf "10%%\\r20%%\\n"; echo "the end of $HOSTNAME"; exit 3'
    const work = await deploy(cluster.plane.client, 'crashes', {
      gpus: 0,
      container: { command: ['sh', '-c', script], args: [], startupProbe: undefined },
    })
    const pod = await work.podThat(
      'has crashed twice',
      (one) => (containerStatus(one)?.restartCount ?? 0) > 0,
    )
    const name = pod.metadata?.name ?? ''
    const lines = await api.podLog(name, { container: 'vllm', tailLines: 2, previous: true })
    expect(lines).toEqual(['20%', `the end of ${name}`])
    await work.remove()
  })

  describe('port-forward', () => {
    let name: string
    let remove: () => Promise<void>
    beforeAll(async () => {
      const work = await deploy(cluster.plane.client, 'forwarded', { gpus: 0 })
      name = (await work.podThat('is ready', isReady)).metadata?.name ?? ''
      remove = () => work.remove()
    })
    afterAll(() => remove?.())

    it('leads to a port of the pod, for many at once, with what they send and get', async () => {
      const { url, ...forwarded } = await api.portForward(name, 8000)
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      const ask = async (length: number) => {
        const response = await fetch(`${url}/tokenize`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', connection: 'close' },
          body: JSON.stringify({ model: 'forwarded', prompt: 'word '.repeat(length) }),
        })
        const { tokens } = (await response.json()) as { tokens: unknown[] }
        return tokens.length
      }
      const counts = await Promise.all([10, 100_000, 20, 200_000].map(ask))
      expect(counts[3]).toBeGreaterThan(counts[1]!)
      expect(counts[1]).toBeGreaterThan(counts[2]!)
      await forwarded.close()
      await expect(fetch(`${url}/health`)).rejects.toThrow('fetch failed')
    })

    it('brings the end of what the pod says before it brings its end', async () => {
      const { url, ...forwarded } = await api.portForward(name, 8000)
      const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
      socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      const said = await text(socket)
      expect(said).toContain('"id":"forwarded"')
      const { length } = said.slice(said.indexOf('\r\n\r\n') + 4)
      expect(said.toLowerCase()).toContain(`content-length: ${length}`)
      await forwarded.close()
    })

    it('breaks, instead of ending, where the way there breaks', async () => {
      const faults = await startApiFaults(cluster.plane, cluster.plane.admin)
      const { url, ...forwarded } = await open(faults.kubeconfig).portForward(name, 8000)
      const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
      socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n')
      await once(socket, 'data')
      const broken = once(socket, 'error')
      faults.cut()
      // `once` rejects for errors of which it was not asked; these it was.
      expect((await broken)[0]).toMatchObject({ code: 'ECONNRESET' })
      await expect(fetch(`${url}/health`)).resolves.toMatchObject({ status: 200 })
      await forwarded.close()
      await faults.close()
    })

    it('says why where nobody listens, and is refused in words where it may not be', async () => {
      const told = log()
      const speaking = createApi(connect({ kubeconfig: cluster.plane.admin }), {
        namespace,
        log: told,
      })
      const { url, ...forwarded } = await speaking.portForward(name, 9)
      await expect(fetch(url)).rejects.toThrow('fetch failed')
      expect(told.warn.mock.calls.at(-1)?.[1]).toContain('ECONNREFUSED')
      await forwarded.close()
      const account = open(cluster.plane.serviceAccount())
      expect(await fault(account.portForward(name, 8000))).toMatchObject({
        code: 403,
        message: expect.stringMatching(/lacks the right to \w+ pods\/portforward/),
      })
      expect(await fault(api.portForward('gone', 8000))).toMatchObject({ code: 404 })
    })
  })

  describe('in trouble', () => {
    let faults: ApiFaults
    let troubled: Api
    let follower: Follower<unknown> | undefined
    let told: ReturnType<typeof log>
    beforeEach(async () => {
      faults = await startApiFaults(cluster.plane, cluster.plane.admin)
      told = log()
      troubled = createApi(connect({ kubeconfig: faults.kubeconfig }), {
        namespace,
        log: told,
        timeoutMs: 2_000,
        budgetMs: 10_000,
      })
    })
    afterEach(async () => {
      follower?.close()
      await faults.close()
    })
    /** Follows ConfigMaps; resolves once it watches them. */
    async function followed(options = {}) {
      const seen: string[][] = []
      const following = troubled.follow('ConfigMap', options, (all) => seen.push([...all.keys()]))
      follower = following
      await following.synced
      await eventually(() => faults.requests.some(({ isWatch }) => isWatch), { what: 'a watch' })
      return {
        following,
        seen,
        knows: (name: string) =>
          eventually(() => following.objects.has(name), { what: `${name} is known` }),
      }
    }

    it.each<[what: string, start: () => Promise<void> | void]>([
      ['cuts all connections', () => faults.cut()],
      ['expires its watches', () => faults.expireWatches()],
      [
        'answers 429',
        () => {
          faults.answer(() => true, { status: 429, times: 3, retryAfterSeconds: 1 })
          faults.cut()
        },
      ],
      [
        'answers 500',
        () => {
          faults.answer(() => true, { status: 500, times: 3 })
          faults.cut()
        },
      ],
      [
        'has lost its history',
        () => {
          faults.answer(({ isWatch }) => isWatch, { status: 410, times: 2 })
          faults.cut()
        },
      ],
      ['is away', () => faults.beAway(2_000)],
    ])('is followed on when it %s', async (what, start) => {
      const name = what.replaceAll(' ', '-')
      const { following, knows } = await followed()
      const done = start()
      await api.apply(configMap(name))
      await done
      await knows(name)
      await eventually(() => following.trouble === undefined, { what: 'no trouble any more' })
      // By a watch again, not only by lists.
      await api.apply(configMap(`${name}-after`))
      await knows(`${name}-after`)
      await api.remove('ConfigMap', name)
      await eventually(() => !following.objects.has(name), { what: `${name} is gone` })
      expect(told.warn.mock.calls.length).toBe(told.info.mock.calls.length)
    })

    it('is followed on when its watches stall, as soon as they were silent for too long', async () => {
      const { knows } = await followed({ silenceMs: 500 })
      const goOn = faults.stallWatches()
      await api.apply(configMap('made-in-silence'))
      await knows('made-in-silence')
      goOn()
    })

    it('is followed on when nothing gets through, and says what is wrong meanwhile', async () => {
      const { following, knows } = await followed({ silenceMs: 500 })
      const goOn = faults.stall()
      await api.apply(configMap('made-behind-the-wall'))
      await eventually(() => following.trouble?.includes('took too long'), { what: 'trouble' })
      goOn()
      await knows('made-behind-the-wall')
    })

    it('is followed on when it was started anew', async () => {
      const { following, knows } = await followed()
      await cluster.plane.stopApiServer()
      await eventually(() => following.trouble !== undefined, { what: 'trouble' })
      await cluster.plane.startApiServer()
      await api.apply(configMap('made-by-the-next'))
      await knows('made-by-the-next')
    })

    it('is asked again where an answer was lost, but never for what could be done twice', async () => {
      faults.loseAnswers(({ method }) => method === 'PATCH', 1)
      await troubled.apply(configMap('answer-lost', { a: '1' }))
      expect(faults.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(2)
      faults.loseAnswers(({ method }) => method === 'POST', 1)
      expect(await fault(troubled.create(configMap('made-in-vain')))).toMatchObject({ code: 0 })
      expect(await api.get('ConfigMap', 'made-in-vain')).toBeDefined()
    })

    it('has scaled although its answer was lost: read again, decide again', async () => {
      const work = await deploy(cluster.plane.client, 'lost', { replicas: 0 })
      await eventually(
        async () => (await api.get('Deployment', 'lost'))?.status?.observedGeneration,
        { what: 'its controller has written to it' },
      )
      faults.loseAnswers(({ method }) => method === 'PUT', 1)
      const { resourceVersion } = (await troubled.readScale('lost'))!
      expect(await fault(troubled.writeScale('lost', 1, resourceVersion))).toMatchObject({
        code: 409,
      })
      expect((await troubled.readScale('lost'))?.replicas).toBe(1)
      await work.remove()
    })

    it('is waited for no longer than the signal says', async () => {
      const comeBack = await faults.goAway()
      const signal = AbortSignal.timeout(300)
      await expect(troubled.get('Pod', 'x', { signal })).rejects.toThrow('timeout')
      await comeBack()
    })
  })
})
