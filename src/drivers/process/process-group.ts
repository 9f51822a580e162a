import { setTimeout as delay } from 'node:timers/promises'
import { carriesMarker, processesWithMarker } from './marker.ts'
import { processEntry, processTable, type ProcessEntry } from './process-table.ts'

/** What names the processes of one launch, also to a program that did not launch them. */
export interface GroupIdentity {
  readonly marker: string
  /** The first process, whose pid is the group's id; missing while it is not known. */
  readonly leader?: { readonly pid: number; readonly startTime: string } | undefined
}

export interface GroupMembers {
  readonly inGroup: readonly number[]
  /** They carry the marker, but left the group. */
  readonly strays: readonly number[]
}

export interface EndingOptions {
  /** From SIGTERM to SIGKILL, ms. */
  readonly graceMs: number
  readonly signal: AbortSignal
  /** Called when the grace is over and somebody still lives. */
  readonly onKill?: () => void
}

/** Somebody who is still there this long after SIGKILL sits in the kernel; asking less often will do. */
const shortestPauseMs = 10
const longestPauseMs = 100

/**
 * All processes of one launch. vLLM's workers can outlive their leader and keep the GPU, so "gone"
 * is never read from the leader: it means that no living process of the launch is left.
 */
export class ProcessGroup {
  readonly #identity: GroupIdentity
  /** Members seen while the group was surely ours: workers that wiped their environment stay known. */
  readonly #known = new Set<string>()

  constructor(identity: GroupIdentity) {
    this.#identity = identity
  }

  async members(): Promise<GroupMembers> {
    const inGroup = await this.#inGroup(false)
    const marked = await processesWithMarker(this.#identity.marker)
    return { inGroup, strays: marked.filter((pid) => !inGroup.includes(pid)) }
  }

  /** Called in the moment the leader has left: too soon for its pid to have been given out again. */
  async rememberMembers(): Promise<void> {
    await this.#inGroup(true)
  }

  async isEmpty(): Promise<boolean> {
    if (this.#leaderLives()) return false
    const { inGroup, strays } = await this.members()
    return inGroup.length === 0 && strays.length === 0
  }

  /**
   * SIGTERM, after the grace SIGKILL; resolves when nobody is left. Whoever survives SIGKILL (an
   * uninterruptible wait in a driver) is waited for without an end; rejects when the signal aborts.
   */
  async end({ graceMs, signal, onKill }: EndingOptions): Promise<void> {
    signal.throwIfAborted()
    const killAt = performance.now() + graceMs
    let killed = false
    let pauseMs = shortestPauseMs
    await this.#send('SIGTERM')
    while (!(await this.isEmpty())) {
      const leftMs = killAt - performance.now()
      if (leftMs <= 0) {
        if (!killed) onKill?.()
        killed = true
        // Each time anew: a member may have forked between the look and the signal.
        await this.#send('SIGKILL')
      }
      await delay(killed ? pauseMs : Math.min(pauseMs, Math.max(leftMs, 0)), undefined, { signal })
      pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)
    }
  }

  async #send(name: NodeJS.Signals): Promise<void> {
    const { inGroup, strays } = await this.members()
    const leader = this.#identity.leader
    if (leader && inGroup.length > 0) sendTo(-leader.pid, name)
    for (const pid of strays) sendTo(pid, name)
  }

  #leaderLives(): boolean {
    const leader = this.#identity.leader
    const entry = leader && processEntry(leader.pid)
    return entry?.startTime === leader?.startTime && entry?.zombie === false
  }

  async #inGroup(surelyOurs: boolean): Promise<number[]> {
    const leader = this.#identity.leader
    if (!leader || !groupAnswers(leader.pid)) return []
    const members = (await processTable()).filter(({ group }) => group === leader.pid)
    const living = members.filter(({ zombie }) => !zombie)
    const first = members.find(({ pid }) => pid === leader.pid)
    // The kernel gives a pid out again only when no group has it as its id either. So one member of
    // ours makes all of them ours; and another first process means that the id was recycled.
    const ours = first
      ? first.startTime === leader.startTime
      : surelyOurs || living.some((entry) => this.#isOurs(entry))
    if (!ours) return []
    for (const entry of living) this.#known.add(nameOf(entry))
    return living.map(({ pid }) => pid)
  }

  #isOurs(entry: ProcessEntry): boolean {
    return this.#known.has(nameOf(entry)) || carriesMarker(entry.pid, this.#identity.marker)
  }
}

function nameOf({ pid, startTime }: ProcessEntry): string {
  return `${pid}@${startTime}`
}

/** False only when the kernel says that the group has no member at all, not even a zombie. */
function groupAnswers(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function sendTo(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It left between the look and the signal, or is not ours to end: the next look tells.
  }
}
