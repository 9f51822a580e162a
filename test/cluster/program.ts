import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { AppsV1Api, CoreV1Api, CustomObjectsApi } from '@kubernetes/client-node'
import { onTestFinished } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { connect, createApi } from '../../src/drivers/kubernetes/index.ts'
import { startServing, type Serving } from '../integration/serve/program.ts'
import { entry, plainEnvironment } from '../integration/serve/program.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { namespace } from './workload.ts'

const silent = { info() {}, warn() {}, error() {} }
const run = promisify(execFile)
const group = 'vllm.efortin.github.io'
const version = 'v1alpha1'
const plural = 'vllmmodels'

/** What an installation needs before the program can run: CRD and RBAC, as they ship. */
export async function installAround(cluster: Cluster, ...flags: string[]): Promise<void> {
  await applyOf(cluster, ['CustomResourceDefinition', 'Role', 'RoleBinding'], flags)
  cluster.isAudited = true
  const models = cluster.plane.client.makeApiClient(CustomObjectsApi)
  await eventually(
    () =>
      models
        .listNamespacedCustomObject({ group, version, plural, namespace })
        .catch(() => undefined),
    { what: 'VLLMModels are known to the API server' },
  )
}

/** Only the rights: of somebody who uses no VLLMModels. */
export async function grantRights(cluster: Cluster): Promise<void> {
  await applyOf(cluster, ['Role', 'RoleBinding'], [])
}

async function applyOf(
  cluster: Cluster,
  kinds: readonly string[],
  flags: readonly string[],
): Promise<void> {
  const { stdout } = await run(
    process.execPath,
    [entry, 'manifests', '--namespace', namespace, ...flags],
    { env: plainEnvironment },
  )
  const objects = parseAllDocuments(stdout).map((document) => document.toJS())
  const api = createApi(connect({ kubeconfig: cluster.plane.admin }), { namespace, log: silent })
  for (const object of objects) if (kinds.includes(object.kind)) await api.apply(object)
}

/** The program in its cluster, as its own service account. */
export function serveIn(
  { plane }: Cluster,
  flags: readonly string[] = [],
  kubeconfig: string = plane.serviceAccount(namespace),
): Promise<Serving> {
  return startServing(
    [
      '--kubeconfig',
      kubeconfig,
      '--namespace',
      namespace,
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--enable-model-switch',
      '--shutdown-delay',
      '0',
      '--log-level',
      'debug',
      '--log-format',
      'json',
      ...flags,
    ],
    {},
  )
}

/** What `serve --dry-run` says, and its exit code. */
export async function dryRun({ plane }: Cluster): Promise<{ code: number; text: string }> {
  const words = ['serve', '--dry-run', '--enable-model-switch', '--namespace', namespace]
  const kubeconfig = plane.serviceAccount(namespace)
  const args = [entry, ...words, '--kubeconfig', kubeconfig]
  try {
    const { stdout } = await run(process.execPath, args, { env: plainEnvironment })
    return { code: 0, text: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, text: stdout + stderr }
  }
}

export interface ModelFields {
  readonly [field: string]: unknown
}

/** What tests do to the cluster as its administrator. */
export function administer({ plane }: Cluster) {
  const apps = plane.client.makeApiClient(AppsV1Api)
  const core = plane.client.makeApiClient(CoreV1Api)
  const models = plane.client.makeApiClient(CustomObjectsApi)
  const place = { group, version, plural, namespace }

  async function addModel(name: string, spec: ModelFields = {}): Promise<void> {
    await models.createNamespacedCustomObject({
      ...place,
      body: {
        apiVersion: `${group}/${version}`,
        kind: 'VLLMModel',
        metadata: { name },
        spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
      },
    })
    onTestFinished(() => removeModel(name))
  }

  async function removeModel(name: string): Promise<void> {
    await models.deleteNamespacedCustomObject({ ...place, name }).catch(() => undefined)
  }

  const pods = async (selector = 'app=vllm') =>
    (await core.listNamespacedPod({ namespace, labelSelector: selector })).items

  return {
    apps,
    core,
    models,
    addModel,
    removeModel,
    model: (name: string) => models.getNamespacedCustomObject({ ...place, name }),
    pods,
    deployment: (name = 'vllm') =>
      apps.readNamespacedDeployment({ namespace, name }).catch((error: { code?: number }) => {
        if (error.code === 404) return undefined
        throw error
      }),
    async scale(replicas: number, name = 'vllm') {
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name })
      scale.spec = { replicas }
      delete scale.metadata?.resourceVersion
      await apps.replaceNamespacedDeploymentScale({ namespace, name, body: scale })
    },
    untilPods: (
      what: string,
      isSo: (all: Awaited<ReturnType<typeof pods>>) => boolean,
      selector?: string,
    ) => eventually(async () => (isSo(await pods(selector)) ? true : undefined), { what }),
    /** Nothing of the program's is left. */
    async clear() {
      for (const { metadata } of (await apps.listNamespacedDeployment({ namespace })).items) {
        await apps.deleteNamespacedDeployment({ namespace, name: metadata!.name! })
      }
      for (const name of ['vllm-config']) {
        await core.deleteNamespacedConfigMap({ namespace, name }).catch(() => undefined)
      }
      await core.deleteNamespacedService({ namespace, name: 'vllm-svc' }).catch(() => undefined)
      await eventually(async () => ((await pods()).length === 0 ? true : undefined), {
        what: 'all pods are gone',
      })
    },
  }
}
