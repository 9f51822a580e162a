import { mkdtemp, readFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreV1Api, type KubeConfig } from '@kubernetes/client-node'
import { findBinaries, howToGetBinaries } from '../binaries/index.ts'
import { endOfLog, type Household, type OwnedProcess, startHousehold } from '../processes/index.ts'
import { type AuditEvent, readAuditLog, writeAuditPolicy } from './audit.ts'
import { connect } from './connection.ts'
import { eventually } from './deadline.ts'
import {
  adminIdentity,
  componentIdentity,
  type Identity,
  kubeconfigName,
  serviceAccountIdentity,
  writeKubeconfig,
  writeTokens,
} from './identities.ts'
import { claimLoopbackNetwork, type LoopbackNetwork } from './loopback.ts'
import * as parts from './parts.ts'

export interface ControlPlaneOptions {
  /** Created at the start, each with a service account that tests can be; the first is the default. */
  readonly namespaces?: readonly string[]
  /** Name of that service account. */
  readonly serviceAccount?: string
}

export interface ControlPlane {
  readonly url: string
  readonly namespace: string
  /** The API server's serving certificate and key, PEM files; clients trust the certificate. */
  readonly certificate: { readonly cert: string; readonly key: string }
  /** Kubeconfig files. */
  readonly admin: string
  /** For the simulated node, so that tests can tell its requests from the admin's. */
  readonly node: string
  serviceAccount(namespace?: string): string
  /** Name of that account, in every namespace. */
  readonly serviceAccountName: string
  /** Writes a kubeconfig like the given one for another address of the same API server. */
  kubeconfigFor(server: string, like: string): Promise<string>
  /** A connection of the admin. */
  readonly client: KubeConfig
  /** What service accounts asked of the API server so far. */
  auditLog(): Promise<AuditEvent[]>
  /** Away, and back with the same data and address. */
  stopApiServer(): Promise<void>
  startApiServer(): Promise<void>
  /** Everything that belongs to this cluster and must end with it is started here. */
  readonly household: Household
  readonly network: LoopbackNetwork
  stop(): Promise<void>
}

/** @throws when there are no binaries, or a part does not come up; then nothing is left of it */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = findBinaries()
  if (binaries === undefined) throw new Error(howToGetBinaries)
  const network = await claimLoopbackNetwork()
  const folder = await mkdtemp(join(tmpdir(), 'vllm-chill-cluster-'))
  const household = startHousehold(folder)
  const stop = async () => {
    await household.close()
    await network.release()
  }
  try {
    const layout = { folder, address: network.address }
    return await assemble(options, binaries, layout, household, network, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function assemble(
  { namespaces = ['ai-apps'], serviceAccount = 'vllm-chill' }: ControlPlaneOptions,
  binaries: NonNullable<ReturnType<typeof findBinaries>>,
  layout: parts.Layout,
  household: Household,
  network: LoopbackNetwork,
  stop: () => Promise<void>,
): Promise<ControlPlane> {
  const namespace = namespaces[0] ?? 'default'
  const admin = adminIdentity()
  const controllers = componentIdentity('kube-controller-manager')
  const scheduler = componentIdentity('kube-scheduler')
  const node = componentIdentity('node:simulated')
  const accounts = new Map(
    namespaces.map((name) => [name, serviceAccountIdentity(name, serviceAccount)]),
  )
  const identities = [admin, controllers, scheduler, node, ...accounts.values()]
  await parts.writeServiceAccountKeys(layout)
  await writeTokens(parts.tokensFile(layout), identities)
  await writeAuditPolicy(parts.auditPolicyFile(layout))

  const url = parts.apiServerUrl(layout)
  const certificate = parts.certificateFiles(layout)
  const fileOf = (identity: Identity) => kubeconfigName(layout.folder, identity)
  let apiServer: OwnedProcess
  const startApiServer = async () => {
    apiServer = household.start(parts.apiServer(binaries, layout))
    await answers(url, admin, certificate.cert, apiServer)
  }
  household.start(parts.etcd(binaries, layout))
  await startApiServer()
  for (const identity of identities) {
    const home = [...accounts].find(([, account]) => account === identity)?.[0] ?? namespace
    const plan = { server: url, caFile: certificate.cert, identity, namespace: home }
    await writeKubeconfig(fileOf(identity), plan)
  }
  household.start(parts.controllerManager(binaries, layout, fileOf(controllers)))
  household.start(parts.scheduler(binaries, layout, fileOf(scheduler)))

  const client = connect(fileOf(admin))
  await createNamespaces(client, namespaces)
  let others = 0
  return {
    url,
    namespace,
    certificate,
    admin: fileOf(admin),
    node: fileOf(node),
    serviceAccountName: serviceAccount,
    serviceAccount(name = namespace) {
      const account = accounts.get(name)
      if (account === undefined) throw new Error(`no service account for ${name} was asked for`)
      return fileOf(account)
    },
    async kubeconfigFor(server, like) {
      const identity = identities.find((identity) => fileOf(identity) === like)
      if (identity === undefined) throw new Error(`${like} is no kubeconfig of this cluster`)
      others += 1
      const file = `${like}.${others}`
      await writeKubeconfig(file, { server, caFile: certificate.cert, identity, namespace })
      return file
    },
    client,
    auditLog: () => readAuditLog(parts.auditFile(layout)),
    async stopApiServer() {
      // In order it would wait for all watches to end, up to a minute.
      apiServer.kill()
      await apiServer.exited
    },
    startApiServer,
    household,
    network,
    stop,
  }
}

async function createNamespaces(client: KubeConfig, names: readonly string[]): Promise<void> {
  const core = client.makeApiClient(CoreV1Api)
  for (const name of names) await core.createNamespace({ body: { metadata: { name } } })
}

/** Until the API server says that it is ready; asked with what Node has, as no kubeconfig is there yet. */
async function answers(
  url: string,
  admin: Identity,
  caFile: string,
  server: OwnedProcess,
): Promise<void> {
  let ended = false
  void server.exited.then(() => {
    ended = true
  })
  await eventually(() => isReady(`${url}/readyz`, admin.token, caFile), {
    what: 'the API server is ready',
    timeoutMs: 60_000,
    giveUp: () => {
      if (ended) throw new Error(`the API server ended at once:\n${endOfLog(server.logFile)}`)
    },
  })
}

async function isReady(url: string, token: string, caFile: string): Promise<boolean> {
  // Made by the server while it starts.
  const ca = await readFile(caFile)
  return await new Promise((resolve, reject) => {
    const options = {
      ca,
      agent: false,
      timeout: 2000,
      headers: { authorization: `Bearer ${token}` },
    }
    const request = get(url, options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
  })
}
