import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { eachProcess, hasProc } from './process-table.ts'

/** Who answers on a port. `untold` where the kernel does not let us see: then nothing speaks against it. */
export type PortOwner = 'ours' | 'untold' | { readonly pid: number; readonly name: string }

/**
 * Whether every listener on this port of 127.0.0.1 belongs to these processes. Every one, because
 * vLLM listens with SO_REUSEPORT (vllm-project/vllm#13113): two servers can share a port without an
 * error, and each would get a part of the other's requests.
 */
export async function portOwner(port: number, ours: readonly number[]): Promise<PortOwner> {
  if (!hasProc) return 'untold'
  const listeners = [...listening('/proc/net/tcp', port), ...listening('/proc/net/tcp6', port)]
  if (listeners.length === 0) return 'untold'
  const held = new Set(ours.flatMap(socketsOf))
  const foreign = new Set(listeners.filter((inode) => !held.has(inode)))
  if (foreign.size === 0) return 'ours'
  const [stranger] = await eachProcess((pid) =>
    socketsOf(pid).some((inode) => foreign.has(inode)) ? pid : undefined,
  )
  return stranger === undefined ? 'untold' : { pid: stranger, name: commandName(stranger) }
}

/** TCP_LISTEN in the kernel's `tcp_states.h`, as `/proc/net/tcp` writes it. */
const listenState = '0A'

/** 127.0.0.1, and what also receives its connections: any address, v4 and v6. */
const reachedByLoopback = new Set([
  '0100007F',
  '00000000',
  '0'.repeat(32),
  '0000000000000000FFFF00000100007F',
])

/** Inodes of the sockets that listen there. */
function listening(table: string, port: number): string[] {
  let text: string
  try {
    text = readFileSync(table, 'utf8')
  } catch {
    return []
  }
  return parseListeners(text, port)
}

/** Reads `/proc/net/tcp` or `tcp6`; addresses are hexadecimal, in the byte order of the machine. */
export function parseListeners(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [address, localPort] = (fields[1] ?? '').split(':')
    const inode = fields[9]
    if (localPort !== wanted || fields[3] !== listenState || !inode) return []
    return reachedByLoopback.has(address ?? '') ? [inode] : []
  })
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/${fd}`))?.[1]
      return inode === undefined ? [] : [inode]
    })
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
