import { Client } from 'undici'

/**
 * uvicorn closes connections that were idle for 5 s; leaving first avoids writing a request into a
 * connection that is just being closed.
 */
const idleMs = 4000
const connectMs = 5000

/** One connection to a backend, used by one request at a time. */
export interface Connection {
  readonly client: Client
  /** Answers it has carried since it was made; 0 means that it is fresh. */
  served: number
  idle: boolean
}

/**
 * Keep-alive connections to one endpoint. Admission bounds how many requests there are, so there is
 * no limit here. The one used last is used next: what is too many idles out. (undici's own Pool looks
 * for a free one from the front, and cannot tell a fresh connection from a used one.)
 */
export class Connections {
  readonly #url: string
  readonly #idle: Connection[] = []
  readonly #all = new Set<Connection>()
  readonly #onEmpty: () => void

  /** `onEmpty` is called when the last connection is gone. */
  constructor(url: string, onEmpty: () => void) {
    this.#url = url
    this.#onEmpty = onEmpty
  }

  take(): Connection {
    const connection = this.#idle.pop() ?? this.#open()
    connection.idle = false
    return connection
  }

  /** After a whole answer. */
  giveBack(connection: Connection): void {
    if (!this.#all.has(connection)) return
    connection.served++
    connection.idle = true
    this.#idle.push(connection)
  }

  /** After anything else: what is left of it cannot be trusted. Cuts a request that is on it. */
  drop(connection: Connection): void {
    this.#forget(connection)
    void connection.client.destroy()
  }

  async close(): Promise<void> {
    const idle = this.#idle.splice(0)
    for (const connection of idle) this.#forget(connection)
    await Promise.all(idle.map((connection) => connection.client.close()))
  }

  #open(): Connection {
    const client = new Client(this.#url, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: connectMs,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      allowH2: false,
    })
    const connection: Connection = { client, served: 0, idle: false }
    this.#all.add(connection)
    client.on('disconnect', () => {
      connection.served = 0
      if (connection.idle) this.drop(connection)
    })
    return connection
  }

  #forget(connection: Connection): void {
    if (!this.#all.delete(connection)) return
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#all.size === 0) this.#onEmpty()
  }
}
