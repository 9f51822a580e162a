import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export const binaryNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const

export type BinaryName = (typeof binaryNames)[number]

/** Absolute paths. */
export type Binaries = Readonly<Record<BinaryName, string>>

/** Said wherever tests are skipped because there is no control plane to start. */
export const howToGetBinaries =
  'no Kubernetes control plane here: set KUBEBUILDER_ASSETS (as setup-envtest does), ' +
  'or run `node test/cluster/binaries/ensure.ts` on Debian 12'

/** Another name wherever something else is built, so that an old cache is not taken for the new one. */
const build = 'kube-1.20.2-3'

/** Where binaries that we built ourselves are kept, for every checkout of this user. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'vllm-chill', build)
}

/**
 * The first places that have what is needed: `KUBEBUILDER_ASSETS`, our cache, PATH. The three parts
 * of Kubernetes come from one place, since they must be of one version; envtest's archives have the
 * API server only, so that variable counts where the folder was completed.
 */
export function findBinaries(env: NodeJS.ProcessEnv = process.env): Binaries | undefined {
  const folders = [
    env['KUBEBUILDER_ASSETS'] ?? '',
    cacheFolder(env),
    ...(env['PATH'] ?? '').split(delimiter),
  ].filter((folder) => folder !== '')
  const has = (folder: string, name: BinaryName) => isExecutable(join(folder, name))
  const kubernetes = folders.find((folder) =>
    binaryNames.every((name) => name === 'etcd' || has(folder, name)),
  )
  const etcd = folders.find((folder) => has(folder, 'etcd'))
  if (kubernetes === undefined || etcd === undefined) return undefined
  const paths = binaryNames.map((name) => [name, join(name === 'etcd' ? etcd : kubernetes, name)])
  return Object.fromEntries(paths) as Record<BinaryName, string>
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
