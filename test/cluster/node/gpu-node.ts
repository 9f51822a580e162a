import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CoreV1Api, type V1Pod } from '@kubernetes/client-node'
import { connect, type ControlPlane } from '../control-plane/index.ts'
import { createDevices } from './devices.ts'
import { serveKubelet } from './kubelet-server.ts'
import {
  annotatedMisbehaviours,
  matches,
  type Misbehaviour,
  type PodMatch,
} from './misbehaviour.ts'
import { type PodLife, startPod } from './pod.ts'
import { followPods } from './pods-on-node.ts'
import { writePrograms } from './programs.ts'
import { declareGone, register, tellCondition } from './registration.ts'
import { nameOf, type World } from './world.ts'

export interface GpuNodeOptions {
  readonly name?: string
  readonly gpus?: number
  readonly gpuResource?: string
  /** By how much probes and back-offs are faster than a kubelet's; graces are not. */
  readonly haste?: number
}

export interface GpuNode {
  readonly name: string
  /** From now on, for pods that match, at what they do next. Returns what takes it back. */
  misbehave(match: PodMatch, misbehaviour: Misbehaviour): () => void
  /** Kills the first process of a pod's containers, by the kernel for memory or otherwise. */
  kill(match: PodMatch, reason?: 'Error' | 'OOMKilled'): void
  /** The power is cut; resolves when the cluster has been told, as its node controller would. */
  goAway(): Promise<void>
  /** It boots: pods that still should run start again. */
  comeBack(): Promise<void>
  /** Ends its pods' processes, without a word to the API. */
  stop(): Promise<void>
}

const kubeletPort = 10_250
const heartbeatMs = 10_000

/** A node whose pods are processes of this machine: `vllm` in them is our simulator. */
export async function startGpuNode(
  plane: ControlPlane,
  { name = 'gpu-node', gpus = 2, gpuResource = 'nvidia.com/gpu', haste = 10 }: GpuNodeOptions = {},
): Promise<GpuNode> {
  const config = connect(plane.node)
  const core = config.makeApiClient(CoreV1Api)
  const folder = join(plane.household.folder, 'nodes', name)
  const programs = join(folder, 'programs')
  await mkdir(join(folder, 'gpus'), { recursive: true })
  await writePrograms(programs)
  const address = plane.network.next()
  const rules = new Set<{ match: PodMatch; misbehaviour: Misbehaviour }>()
  const pods = new Map<string, { pod: V1Pod; life: PodLife }>()
  const world: World = {
    nodeName: name,
    core,
    household: plane.household,
    network: plane.network,
    devices: createDevices(gpus, join(folder, 'gpus/{gpu}.lock')),
    folder,
    programs,
    haste,
    accountOf: ({ metadata, spec }) => {
      const isKnown = spec?.serviceAccountName === plane.serviceAccountName
      return isKnown ? plane.serviceAccount(metadata?.namespace) : undefined
    },
    misbehavioursOf: (pod) => [
      ...annotatedMisbehaviours(pod),
      ...[...rules].filter(({ match }) => matches(pod, match)).map((rule) => rule.misbehaviour),
    ],
    report: (pod, reason, message) => void report(core, name, pod, reason, message),
  }
  const facts = {
    name,
    address,
    kubeletPort,
    resources: { cpu: '64', memory: '512Gi', pods: '110', [gpuResource]: String(gpus) },
  }
  const boot = async () => {
    const off = new AbortController()
    const lifeOf = (where: { namespace: string; pod: string }) =>
      [...pods.values()].find(({ pod }) => {
        const { namespace, name } = nameOf(pod)
        return namespace === where.namespace && name === where.pod
      })?.life
    const server = await serveKubelet({
      address,
      port: kubeletPort,
      cert: await readFile(plane.certificate.cert),
      key: await readFile(plane.certificate.key),
      logOf: (where, which) => lifeOf(where)?.container(where.container)?.log(which),
      addressOf: (where) => lifeOf(where)?.address,
    })
    await register(core, facts)
    const heartbeat = setInterval(() => {
      tellCondition(core, name, 'ready').catch(() => {
        // The API server is away; the next one will do.
      })
    }, heartbeatMs)
    const setting = { world, hostIP: address, gpuResource, signal: off.signal }
    const following = followPods(
      { config, core, nodeName: name },
      {
        seen(pod) {
          const { uid } = nameOf(pod)
          const isFinished = ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')
          let known = pods.get(uid)
          if (known === undefined) {
            if (isFinished && pod.metadata?.deletionTimestamp === undefined) return
            known = { pod, life: startPod(pod, setting) }
            pods.set(uid, known)
          }
          known.life.update(pod)
        },
        gone(uid) {
          const known = pods.get(uid)
          known?.life.removed()
          void known?.life.over.then(() => pods.delete(uid))
        },
      },
      off.signal,
    )
    return async () => {
      clearInterval(heartbeat)
      off.abort()
      server.close()
      await following
      for (const { life } of pods.values()) life.removed()
      await Promise.all([...pods.values()].map(({ life }) => life.over))
      pods.clear()
    }
  }
  let cutPower: (() => Promise<void>) | undefined = await boot()
  const powerOff = async () => {
    const cut = cutPower
    cutPower = undefined
    await cut?.()
  }
  return {
    name,
    misbehave(match, misbehaviour) {
      const rule = { match, misbehaviour }
      rules.add(rule)
      return () => void rules.delete(rule)
    },
    kill(match, reason = 'Error') {
      for (const { pod, life } of pods.values()) if (matches(pod, match)) life.kill(reason)
    },
    async goAway() {
      await powerOff()
      await declareGone(core, name)
    },
    async comeBack() {
      cutPower ??= await boot()
    },
    stop: powerOff,
  }
}

async function report(
  core: CoreV1Api,
  nodeName: string,
  pod: V1Pod,
  reason: string,
  message: string,
): Promise<void> {
  const { name, namespace, uid } = nameOf(pod)
  const isNormal = ['Started', 'Killing', 'Pulled'].includes(reason)
  const now = new Date()
  const body = {
    metadata: { generateName: `${name}.`, namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
    reason,
    message,
    type: isNormal ? 'Normal' : 'Warning',
    source: { component: 'kubelet', host: nodeName },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  }
  await core.createNamespacedEvent({ namespace, body }).catch(() => {
    // Events are best effort, for a kubelet too.
  })
}
