import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A part of 127.0.0.0/8 that no other control plane uses. Everything listens there on well-known
 * ports: a port asked from the system and given back could be taken by somebody else before the API
 * server has it, and again while it restarts.
 */
export interface LoopbackNetwork {
  /** Of the control plane itself, `127.a.b.1`. */
  readonly address: string
  /** The next free address, from `127.a.b.2` on; asked for again only after a full turn. */
  next(): string
  release(): Promise<void>
}

/** Held while the network is in use; no other meaning. */
const claimPort = 61_000

/** Linux only: elsewhere just 127.0.0.1 is configured. */
export async function claimLoopbackNetwork(): Promise<LoopbackNetwork> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const prefix = `127.${randomInt(16, 250)}.${randomInt(0, 256)}`
    const claim = createServer((socket) => socket.destroy())
    claim.listen({ port: claimPort, host: `${prefix}.1`, exclusive: true })
    const taken = await once(claim, 'listening').then(
      () => false,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE') return true
        throw new Error(`cannot listen on ${prefix}.1: the simulated cluster needs Linux`, {
          cause: error,
        })
      },
    )
    if (taken) continue
    let last = 1
    return {
      address: `${prefix}.1`,
      next() {
        last = last >= 254 ? 2 : last + 1
        return `${prefix}.${last}`
      },
      async release() {
        claim.close()
        await once(claim, 'close')
      },
    }
  }
  throw new Error('found no free loopback network')
}
