import { CoreV1Api } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBinaries, howToGetBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { connect, eventually } from './control-plane/index.ts'
import { condition, containerStatus, deploy, isReady, namespace } from './workload.ts'

if (findBinaries() === undefined) console.warn(`skipped: ${howToGetBinaries}`)

describe.skipIf(findBinaries() === undefined)('the simulated cluster', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster?.stop())

  it('gives the service account nothing that no role gives it, and has that on record', async () => {
    const { plane } = cluster
    const account = connect(plane.serviceAccount()).makeApiClient(CoreV1Api)
    await expect(account.listNamespacedPod({ namespace })).rejects.toThrow(
      'system:serviceaccount:ai-apps:vllm-chill',
    )
    expect(await plane.auditLog()).toContainEqual(
      expect.objectContaining({
        user: 'system:serviceaccount:ai-apps:vllm-chill',
        verb: 'list',
        resource: 'pods',
        namespace,
        status: 403,
        allowed: false,
      }),
    )
  })

  it('runs a Deployment with a GPU until its simulator answers at the pod address', async () => {
    const work = await deploy(cluster.plane.client, 'answers')
    const pod = await work.podThat('is ready', isReady)
    expect(pod.status?.phase).toBe('Running')
    expect(containerStatus(pod)).toMatchObject({ ready: true, started: true, restartCount: 0 })
    const response = await fetch(`http://${pod.status?.podIP}:8000/v1/models`)
    expect(await response.json()).toMatchObject({ data: [{ id: 'answers', root: 'org/model' }] })
    await work.remove()
    await expect(fetch(`http://${pod.status?.podIP}:8000/v1/models`)).rejects.toThrow(
      'fetch failed',
    )
  })

  it('leaves a pod for which no GPU is free to the scheduler until one is', async () => {
    const first = await deploy(cluster.plane.client, 'first', { gpus: 2 })
    await first.podThat('is ready', isReady)
    const second = await deploy(cluster.plane.client, 'second', { gpus: 1 })
    const pending = await second.podThat(
      'cannot be scheduled',
      (pod) => condition(pod, 'PodScheduled')?.reason === 'Unschedulable',
    )
    expect(pending.status?.phase).toBe('Pending')
    expect(condition(pending, 'PodScheduled')?.message).toContain('Insufficient nvidia.com/gpu')
    await first.scale(0)
    await second.podThat('is ready', isReady)
    expect(await first.pods()).toEqual([])
    await Promise.all([first.remove(), second.remove()])
  })

  it('refuses to scale by a stale resourceVersion', async () => {
    const work = await deploy(cluster.plane.client, 'stale', { replicas: 0 })
    const where = { namespace, name: 'stale' }
    // Its controller writes to it first.
    await eventually(
      async () => (await work.apps.readNamespacedDeployment(where)).status?.observedGeneration,
      { what: 'the Deployment is observed' },
    )
    const scale = await work.apps.readNamespacedDeploymentScale(where)
    expect(scale.spec?.replicas).toBeUndefined()
    const { metadata } = scale
    const scaleTo = (replicas: number) =>
      work.apps.replaceNamespacedDeploymentScale({
        ...where,
        body: { metadata, spec: { replicas } },
      })
    await scaleTo(1)
    await expect(scaleTo(2)).rejects.toMatchObject({ code: 409 })
    await work.remove()
  })

  it('gives a container its ConfigMaps, Secrets and fields, and expands them as a kubelet does', async () => {
    const core = cluster.plane.client.makeApiClient(CoreV1Api)
    const script = 'echo "$FROM_MAP|$ALL_key|$SECRET|$POD|$LITERAL|$1|$2"; exec sleep 1000'
    const work = await deploy(cluster.plane.client, 'environment', {
      gpus: 0,
      container: {
        command: ['sh', '-c', script, 'sh', '$(FROM_MAP)-$(unknown)', '$$(FROM_MAP)'],
        args: [],
        env: [
          { name: 'FROM_MAP', valueFrom: { configMapKeyRef: { name: 'settings', key: 'key' } } },
          { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'secrets', key: 'token' } } },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          { name: 'LITERAL', value: '<$(FROM_MAP)>' },
        ],
        envFrom: [{ prefix: 'ALL_', configMapRef: { name: 'settings' } }],
        startupProbe: undefined,
        readinessProbe: undefined,
      },
    })
    const pod = await work.podThat(
      'waits for its ConfigMap',
      (pod) => containerStatus(pod)?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(containerStatus(pod)?.state?.waiting?.message).toBe('configmap "settings" not found')
    const settings = { metadata: { name: 'settings' }, data: { key: 'value' } }
    await core.createNamespacedConfigMap({ namespace, body: settings })
    const secrets = { metadata: { name: 'secrets' }, stringData: { token: 'hidden' } }
    await core.createNamespacedSecret({ namespace, body: secrets })
    await work.podThat('is ready', isReady)
    const name = pod.metadata?.name ?? ''
    const line = 'value|value|hidden|environment|<value>|value-$(unknown)|$(FROM_MAP)'
    await eventually(
      async () => (await core.readNamespacedPodLog({ namespace, name })).includes(line),
      { what: `the log says ${line}` },
    )
    await work.remove()
  })

  it('gives a container the files that it mounts, and the rights of its service account', async () => {
    const core = cluster.plane.client.makeApiClient(CoreV1Api)
    const files = { metadata: { name: 'files' }, data: { 'a.yaml': 'from the map' } }
    await core.createNamespacedConfigMap({ namespace, body: files })
    const script = 'cat "$1" "$FILE"; echo; cat "$KUBECONFIG"; exec sleep 1000'
    const work = await deploy(cluster.plane.client, 'mounts', {
      gpus: 0,
      pod: {
        serviceAccountName: 'vllm-chill',
        volumes: [{ name: 'files', configMap: { name: 'files' } }],
      },
      container: {
        command: ['sh', '-c', script, 'sh'],
        args: ['/etc/files/a.yaml'],
        env: [{ name: 'FILE', value: '/etc/files/a.yaml' }],
        volumeMounts: [{ name: 'files', mountPath: '/etc/files' }],
        startupProbe: undefined,
        readinessProbe: undefined,
      },
    })
    const pod = await work.podThat('is ready', isReady)
    const name = pod.metadata?.name ?? ''
    const lines = await eventually(
      async () => {
        const log = await core.readNamespacedPodLog({ namespace, name })
        return log.includes('current-context') ? log : undefined
      },
      { what: 'the log has both files' },
    )
    expect(lines).toMatch(/^from the mapfrom the map\n/)
    expect(lines).toContain('system:serviceaccount:ai-apps:vllm-chill')
    await work.remove()
  })

  it('keeps what is deleted until it has ended or its grace is over', async () => {
    const { plane, node } = cluster
    const work = await deploy(plane.client, 'stubborn', { graceSeconds: 2 })
    const takeBack = node.misbehave({ pod: 'stubborn' }, { kind: 'slow to terminate', ms: 60_000 })
    const { metadata, status } = await work.podThat('is ready', isReady)
    await work.scale(0)
    const deletedAt = Date.now()
    await work.podThat('is terminating', (pod) => pod.metadata?.deletionTimestamp !== undefined)
    await work.podsThat('gone', (pods) => pods.length === 0)
    expect(Date.now() - deletedAt).toBeGreaterThan(1900)
    expect(Date.now() - deletedAt).toBeLessThan(6000)
    expect(metadata?.uid).toBeDefined()
    await expect(fetch(`http://${status?.podIP}:8000/health`)).rejects.toThrow('fetch failed')
    takeBack()
    await work.remove()
  })
})
