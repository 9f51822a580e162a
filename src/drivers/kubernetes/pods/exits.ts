import type { V1ContainerStateTerminated, V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { nameOf } from './facts.ts'
import { failed, type Finding } from './finding.ts'
import type { PodFailure } from './types.ts'

/** Of programs that say nothing themselves of what ended them. */
const signals: Readonly<Record<number, string>> = {
  134: 'SIGABRT',
  135: 'SIGBUS',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  143: 'SIGTERM',
}
const noSuchProgram =
  /exec: .*(executable file not found|no such file or directory|permission denied)/i
/** Reasons that say no more than the exit code does. */
const plainReasons = new Set(['', 'Error', 'Completed'])

/** A container that is not to end has ended. */
export function exitFinding(
  { name }: V1ContainerStatus,
  ended: V1ContainerStateTerminated,
  wantsLog: NonNullable<PodFailure['wantsLog']>,
): Finding {
  const { reason = '', message, exitCode } = ended
  if (reason === 'OOMKilled') {
    return failed(
      'out_of_memory',
      `container ${name} was killed for want of memory (OOMKilled, exit code ${exitCode}): raise its memory limit, or load less`,
      wantsLog,
    )
  }
  if (reason === 'StartError' || reason === 'ContainerCannotRun') {
    return notRunFinding(name, reason, message)
  }
  const said = message?.trim().split('\n').at(-1)
  return failed(
    'exited',
    `container ${name} ended with ${howItEnded(ended)}${said ? `: ${said}` : ''}`,
    wantsLog,
  )
}

/** The node could not even run its first program; there is no log then. */
export function notRunFinding(name: string, reason: string, message = ''): Finding {
  const isMissing = noSuchProgram.test(message)
  return failed(
    isMissing ? 'command_not_found' : 'exited',
    `container ${name} cannot be run (${reason}): ${message.trim()}${isMissing ? '; check its command and its image' : ''}`,
  )
}

function howItEnded({ exitCode, signal, reason = '' }: V1ContainerStateTerminated): string {
  if (signal) return `signal ${signal}`
  const also = plainReasons.has(reason) ? signals[exitCode] : reason
  return `exit code ${exitCode}${also ? ` (${also})` : ''}`
}

/** How a container that served has ended. */
export function describeEnd(pod: V1Pod, containerID: string): string {
  const states = (pod.status?.containerStatuses ?? []).flatMap(({ state, lastState }) => [
    state?.terminated,
    lastState?.terminated,
  ])
  const ended = states.find((each) => each?.containerID === containerID)
  return ended
    ? `the container of pod ${nameOf(pod)} ended with ${howItEnded(ended)}`
    : `the container of pod ${nameOf(pod)} is another one`
}
