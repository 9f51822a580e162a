import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** What is measured has a core of its own; the backend and the clients share the others. */
export const cores = {
  proxy: '0',
  rest: availableParallelism() > 1 ? `1-${availableParallelism() - 1}` : '0',
} as const

export type Place = keyof typeof cores

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** What it wrote, where its output was not given to somebody else. */
  readonly said: () => string
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>
  end(): Promise<void>
}

export function start(
  place: Place,
  command: readonly string[],
  options: { env?: NodeJS.ProcessEnv; stdio?: StdioOptions } = {},
): Running {
  const child = spawn('taskset', ['-c', cores[place], ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
  })
  living.add(child)
  let said = ''
  for (const output of [child.stdout, child.stderr]) {
    output?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-100_000)
    })
  }
  child.stdin?.on('error', () => {})
  const exited = once(child, 'close').then(([code]) => {
    living.delete(child)
    return code as number | null
  })
  return {
    child,
    pid: child.pid as number,
    said: () => said,
    exited,
    async end() {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(late)
    },
  }
}

/** `{ url, count }` as `--url … --count …`. */
export function flagsOf(options: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
}

/** Runs one of the clients; its last line is its result, in JSON. */
export async function runClient<T>(command: readonly string[]): Promise<T> {
  const client = start('rest', command)
  const code = await client.exited
  const last = client.said().trim().split('\n').at(-1) ?? ''
  if (code !== 0) throw new Error(`\`${command.join(' ')}\` failed: ${client.said()}`)
  return JSON.parse(last) as T
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Until somebody takes connections at the port, or the program that should has ended. */
export async function untilListening(port: number, running: Running): Promise<void> {
  for (let tries = 0; tries < 1_500; tries++) {
    if (running.child.exitCode !== null) break
    if (await takesConnections(port)) return
    await delay(20)
  }
  throw new Error(`nobody listens at ${port}: ${running.said()}`)
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** The process and its children, such as nginx's worker. */
export function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [
    pid,
    ...children
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => familyOf(Number(child))),
  ]
}

/** CPU time so far, seconds, to 10 ms. */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / 100
}

/** Resident memory now, or at its peak since `forgetPeak`, bytes. */
export function memoryOf(pids: readonly number[], which: 'VmRSS' | 'VmHWM'): number {
  let bytes = 0
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    bytes += Number(new RegExp(`${which}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024
  }
  return bytes
}

export function forgetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
