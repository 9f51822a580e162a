import type { CoreV1Api, V1Container, V1EnvVarSource, V1Pod } from '@kubernetes/client-node'
import { expand } from './expand.ts'
import { isCode, nameOf } from './world.ts'

/** What a kubelet shows as CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError'
}

export interface EnvironmentSource {
  readonly core: CoreV1Api
  readonly pod: V1Pod
  readonly podIP: string
}

/**
 * A container's environment: `envFrom` first, then `env` in order, whose literal values may refer to
 * what stands before them.
 *
 * @throws ContainerConfigError in the kubelet's words
 */
export async function containerEnvironment(
  container: V1Container,
  source: EnvironmentSource,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const { configMapRef, secretRef, prefix = '' } of container.envFrom ?? []) {
    const data = configMapRef
      ? await readData(source, 'configmap', configMapRef)
      : await readData(source, 'secret', secretRef ?? {})
    for (const [key, value] of Object.entries(data ?? {})) values[prefix + key] = value
  }
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    const resolved = valueFrom ? await valueOf(valueFrom, source) : expand(value, values)
    if (resolved !== undefined) values[name] = resolved
  }
  return values
}

async function valueOf(
  { configMapKeyRef, secretKeyRef, fieldRef }: V1EnvVarSource,
  source: EnvironmentSource,
): Promise<string | undefined> {
  if (fieldRef) return fieldOf(fieldRef.fieldPath, source)
  const ref = configMapKeyRef ?? secretKeyRef
  if (!ref) throw new ContainerConfigError('this kind of valueFrom is not simulated')
  const data = await readData(source, configMapKeyRef ? 'configmap' : 'secret', ref)
  const value = data?.[ref.key]
  if (value === undefined && ref.optional !== true) {
    const kind = configMapKeyRef ? 'ConfigMap' : 'Secret'
    const place = `${nameOf(source.pod).namespace}/${ref.name}`
    throw new ContainerConfigError(`couldn't find key ${ref.key} in ${kind} ${place}`)
  }
  return value
}

/** What a ConfigMap or Secret holds; undefined: it is optional and not there. */
export async function readData(
  { core, pod }: EnvironmentSource,
  kind: 'configmap' | 'secret',
  { name = '', optional }: { name?: string; optional?: boolean },
): Promise<Record<string, string> | undefined> {
  const where = { name, namespace: nameOf(pod).namespace }
  try {
    if (kind === 'configmap') return (await core.readNamespacedConfigMap(where)).data ?? {}
    const { data = {} } = await core.readNamespacedSecret(where)
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    )
  } catch (error) {
    if (!isCode(error, 404)) throw error
    if (optional === true) return undefined
    throw new ContainerConfigError(`${kind} "${name}" not found`)
  }
}

function fieldOf(path: string, { pod, podIP }: EnvironmentSource): string {
  const labelled = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (labelled)
    return pod.metadata?.[labelled[1] as 'labels' | 'annotations']?.[labelled[2] ?? ''] ?? ''
  const fields: Record<string, string | undefined> = {
    'metadata.name': pod.metadata?.name,
    'metadata.namespace': pod.metadata?.namespace,
    'metadata.uid': pod.metadata?.uid,
    'spec.nodeName': pod.spec?.nodeName,
    'spec.serviceAccountName': pod.spec?.serviceAccountName,
    'status.hostIP': '127.0.0.1',
    'status.podIP': podIP,
  }
  return fields[path] ?? ''
}
