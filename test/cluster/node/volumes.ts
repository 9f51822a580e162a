import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { V1Container, V1Volume } from '@kubernetes/client-node'
import { readData, type EnvironmentSource } from './environment.ts'

/** Where a container finds a path of its own on this machine. */
export type Mounted = (text: string) => string

/**
 * Writes the ConfigMaps and Secrets that a container mounts to files. Its processes see this machine's
 * own files, so a path below a mount is told to them as the path of the copy; other volumes are empty
 * folders.
 *
 * @throws ContainerConfigError when one is not there
 */
export async function mountVolumes(
  container: V1Container,
  source: EnvironmentSource,
  folder: string,
): Promise<Mounted> {
  const places = new Map<string, string>()
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const volume = source.pod.spec?.volumes?.find((volume) => volume.name === name)
    const place = join(folder, name)
    await mkdir(place, { recursive: true })
    if (volume) await fill(place, volume, source)
    places.set(mountPath, place)
  }
  return (text) => {
    for (const [mountPath, place] of places) {
      if (text === mountPath || text.startsWith(`${mountPath}/`))
        return place + text.slice(mountPath.length)
    }
    return text
  }
}

async function fill(
  place: string,
  { configMap, secret }: V1Volume,
  source: EnvironmentSource,
): Promise<void> {
  const kind = configMap ? 'configmap' : secret ? 'secret' : undefined
  if (kind === undefined) return
  const { optional, items } = (configMap ?? secret)!
  const name = configMap?.name ?? secret?.secretName ?? ''
  const reference = optional === undefined ? { name } : { name, optional }
  const data = (await readData(source, kind, reference)) ?? {}
  const files = items ?? Object.keys(data).map((key) => ({ key, path: key }))
  for (const { key, path } of files) {
    const file = join(place, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, data[key] ?? '')
  }
}
