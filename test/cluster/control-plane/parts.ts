import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import type { Binaries } from '../binaries/index.ts'
import type { ProcessOrder } from '../processes/index.ts'

/** Where everything of one control plane is. */
export interface Layout {
  readonly folder: string
  /** Loopback address that nothing else listens on. */
  readonly address: string
}

export const ports = { etcd: 2379, etcdPeer: 2380, apiServer: 6443 } as const

export const apiServerUrl = ({ address }: Layout) => `https://${address}:${ports.apiServer}`

/** The serving certificate that the API server makes for itself; it is its own authority. */
export const certificateFiles = ({ folder }: Layout) => ({
  cert: join(folder, 'certs/apiserver.crt'),
  key: join(folder, 'certs/apiserver.key'),
})

export const auditFile = ({ folder }: Layout) => join(folder, 'audit.log')
export const auditPolicyFile = ({ folder }: Layout) => join(folder, 'audit-policy.json')
export const tokensFile = ({ folder }: Layout) => join(folder, 'tokens.csv')

const logFile = ({ folder }: Layout, name: string) => join(folder, 'logs', `${name}.log`)

export function etcd(binaries: Binaries, layout: Layout): ProcessOrder {
  const url = (port: number) => `http://${layout.address}:${port}`
  return {
    command: binaries.etcd,
    args: [
      `--data-dir=${join(layout.folder, 'etcd')}`,
      `--listen-client-urls=${url(ports.etcd)}`,
      `--advertise-client-urls=${url(ports.etcd)}`,
      `--listen-peer-urls=${url(ports.etcdPeer)}`,
      `--initial-advertise-peer-urls=${url(ports.etcdPeer)}`,
      `--initial-cluster=default=${url(ports.etcdPeer)}`,
      '--unsafe-no-fsync',
    ],
    logFile: logFile(layout, 'etcd'),
  }
}

/** Files that have to be there before the API server starts, apart from tokens and audit policy. */
export async function writeServiceAccountKeys({ folder }: Layout): Promise<void> {
  await mkdir(join(folder, 'certs'), { recursive: true })
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  await writeFile(join(folder, 'sa.pub'), publicKey)
  await writeFile(join(folder, 'sa.key'), privateKey, { mode: 0o600 })
}

export function apiServer(binaries: Binaries, layout: Layout): ProcessOrder {
  const { folder, address } = layout
  return {
    command: binaries['kube-apiserver'],
    args: [
      `--etcd-servers=http://${address}:${ports.etcd}`,
      `--secure-port=${ports.apiServer}`,
      `--bind-address=${address}`,
      // An address that is not loopback is demanded here; nobody ever uses it.
      '--advertise-address=10.99.0.1',
      `--cert-dir=${join(folder, 'certs')}`,
      `--service-account-key-file=${join(folder, 'sa.pub')}`,
      `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${tokensFile(layout)}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.98.0.0/24',
      // It would wait for a token controller, and mount tokens that no simulated container reads.
      '--disable-admission-plugins=ServiceAccount',
      '--allow-privileged',
      '--kubelet-preferred-address-types=InternalIP',
      `--audit-policy-file=${auditPolicyFile(layout)}`,
      `--audit-log-path=${auditFile(layout)}`,
    ],
    cwd: folder,
    logFile: logFile(layout, 'kube-apiserver'),
  }
}

/** No node lifecycle among them: what becomes of nodes is the tests' to say. */
const controllers = [
  'deployment',
  'replicaset',
  'endpoint',
  'endpointslice',
  'garbagecollector',
  'namespace',
  'persistentvolume-binder',
  'podgc',
  'resourcequota',
  'serviceaccount',
]

export function controllerManager(
  binaries: Binaries,
  layout: Layout,
  kubeconfig: string,
): ProcessOrder {
  return {
    command: binaries['kube-controller-manager'],
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${controllers.join(',')}`,
      '--leader-elect=false',
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      ...servesNothing(binaries['kube-controller-manager']),
    ],
    logFile: logFile(layout, 'kube-controller-manager'),
  }
}

export function scheduler(binaries: Binaries, layout: Layout, kubeconfig: string): ProcessOrder {
  return {
    command: binaries['kube-scheduler'],
    args: [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      ...servesNothing(binaries['kube-scheduler']),
    ],
    logFile: logFile(layout, 'kube-scheduler'),
  }
}

/** Both would listen on fixed ports of every address; the second flag went away with 1.24. */
function servesNothing(binary: string): string[] {
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' })
  const minor = Number(/v1\.(\d+)/.exec(version)?.[1] ?? 99)
  return minor < 24 ? ['--secure-port=0', '--port=0'] : ['--secure-port=0']
}
