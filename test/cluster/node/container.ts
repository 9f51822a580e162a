import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { V1Container, V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { endOfLog, type OwnedProcess } from '../processes/index.ts'
import { prepareLaunch } from './launch.ts'
import { pause, runProbes } from './probes.ts'
import { pullImage } from './pull-image.ts'
import { nameOf, type Plain, type World } from './world.ts'

export interface ContainerSetting {
  readonly world: World
  readonly podIP: string
  /** Devices of this container. */
  readonly gpus: readonly string[]
  /** What ran before the node came back counts on. */
  readonly restartCount: number
  readonly changed: () => void
}

/** One container of a pod, over all its restarts. */
export interface ContainerLife {
  status(): V1ContainerStatus
  /** Of the present or the previous run. */
  log(which: 'present' | 'previous'): { file: string; isOver: () => boolean } | undefined
  /** The kernel, or somebody at a terminal, kills its first process. */
  kill(reason: 'Error' | 'OOMKilled'): void
  /** For good, as the pod is deleted; a later call may shorten the grace. */
  end(graceMs: number): void
  /** It will not run again. */
  readonly over: Promise<void>
}

export function startContainer(
  pod: V1Pod,
  container: V1Container,
  setting: ContainerSetting,
): ContainerLife {
  const { world, changed } = setting
  const { namespace, name: podName, uid } = nameOf(pod)
  const ended = new AbortController()
  let current: OwnedProcess | undefined
  let running = false
  let killedAs: 'Error' | 'OOMKilled' = 'Error'
  let run = setting.restartCount
  let deadline: NodeJS.Timeout | undefined
  let status: Plain<V1ContainerStatus> = {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: false,
    started: false,
    restartCount: run,
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: {},
  }
  const become = (change: Partial<Plain<V1ContainerStatus>>) => {
    status = { ...status, ...change }
    changed()
  }
  const wait = (reason: string, message: string) => {
    become({ state: { waiting: { reason, message } } })
  }
  const logFile = (run: number) => join(world.folder, 'pods', uid, container.name, `${run}.log`)

  /** From the start of the process to its end, probes included. */
  const runOnce = async (launch: Awaited<ReturnType<typeof prepareLaunch>> & object) => {
    const startedAt = new Date()
    const id = `containerd://${randomBytes(32).toString('hex')}`
    const child = world.household.start({ ...launch, logFile: logFile(run) })
    current = child
    running = true
    killedAs = 'Error'
    become({
      state: { running: { startedAt } },
      containerID: id,
      imageID: `${container.image}@sha256:${'0'.repeat(64)}`,
      restartCount: run,
      ready: false,
      started: false,
    })
    world.report(pod, 'Started', `Started container ${container.name}`)
    const misbehaviours = world.misbehavioursOf(pod)
    const outOfMemory = misbehaviours.find((one) => one.kind === 'out of memory')
    const memory = outOfMemory && setTimeout(() => kill('OOMKilled'), outOfMemory.afterMs ?? 100)
    const runOver = new AbortController()
    const probes = runProbes(
      container,
      {
        address: setting.podIP,
        haste: world.haste,
        alwaysFail: misbehaviours.some((one) => one.kind === 'never ready'),
      },
      {
        started: () => become({ started: true }),
        ready(isReady, problem) {
          if (!isReady) world.report(pod, 'Unhealthy', `Readiness probe failed: ${problem}`)
          if (isReady !== status.ready) become({ ready: isReady })
        },
        unhealthy(message) {
          world.report(pod, 'Unhealthy', message)
          world.report(pod, 'Killing', `Container ${container.name} failed, will be restarted`)
          void child.stop((pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000)
        },
      },
      runOver.signal,
    )
    const { code } = await child.exited
    running = false
    runOver.abort()
    clearTimeout(memory)
    await probes
    const saysWhy = code !== 0 && container.terminationMessagePolicy === 'FallbackToLogsOnError'
    become({
      ready: false,
      started: false,
      state: {
        terminated: {
          exitCode: code,
          reason: code === 0 ? 'Completed' : killedAs,
          message: saysWhy ? endOfLog(child.logFile, 80).slice(-2048) : undefined,
          containerID: id,
          startedAt,
          finishedAt: new Date(),
        },
      },
    })
    return { code, ranMs: Date.now() - startedAt.getTime() }
  }

  const live = async () => {
    // 10 s, doubled up to 5 min, forgotten after 10 min of running; the first restart is at once.
    let backOffSeconds = 0
    for (;;) {
      const pulled = await pullImage(pod, container, world, wait, ended.signal)
      const launch = pulled
        ? await prepareLaunch(pod, container, setting, wait, ended.signal)
        : undefined
      if (launch === undefined || ended.signal.aborted) return
      const { code, ranMs } = await runOnce(launch)
      if (ended.signal.aborted) return
      const policy = pod.spec?.restartPolicy ?? 'Always'
      if (policy === 'Never' || (policy === 'OnFailure' && code === 0)) return
      if (ranMs > 600_000 / world.haste) backOffSeconds = 0
      const lastState = status.state
      if (backOffSeconds > 0) {
        const who = `container=${container.name} pod=${podName}_${namespace}(${uid})`
        const message = `back-off ${backOffSeconds}s restarting failed ${who}`
        become({ lastState, state: { waiting: { reason: 'CrashLoopBackOff', message } } })
        world.report(pod, 'BackOff', 'Back-off restarting failed container')
        await pause((backOffSeconds * 1000) / world.haste, ended.signal)
        if (ended.signal.aborted) return
      }
      backOffSeconds = Math.min(300, Math.max(10, backOffSeconds * 2))
      run += 1
      status = { ...status, lastState }
    }
  }
  const kill = (reason: 'Error' | 'OOMKilled') => {
    killedAs = reason
    current?.kill()
  }
  return {
    status: () => status,
    log(which) {
      const wanted = which === 'present' ? run : run - 1
      if (wanted < setting.restartCount) return undefined
      return { file: logFile(wanted), isOver: () => wanted !== run || !running }
    },
    kill,
    end(graceMs) {
      if (!ended.signal.aborted) {
        ended.abort()
        current?.signal('SIGTERM')
      }
      clearTimeout(deadline)
      deadline = setTimeout(() => current?.kill(), graceMs)
    },
    over: live().finally(() => clearTimeout(deadline)),
  }
}
