import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { ChillError } from '../errors/index.ts'

/** Throws `invalid_api_key` unless the request shows one of the keys. */
export type KeyCheck = (headers: IncomingHttpHeaders) => void

/** With no keys configured everybody passes. */
export function createKeyCheck(keys: readonly string[]): KeyCheck {
  if (keys.length === 0) return () => {}
  // Digests have one length, and comparing them tells nothing about how far a guess was right.
  const digests = keys.map(digest)
  return (headers) => {
    const shown = shownKey(headers)
    if (shown === undefined)
      throw refused('no API key was given: send `Authorization: Bearer …` or `x-api-key`')
    const given = digest(shown)
    let known = false
    for (const one of digests) known = timingSafeEqual(one, given) || known
    if (!known) throw refused('this API key is not known here')
  }
}

function shownKey(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer[ \t]+(\S+)[ \t]*$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const key = headers['x-api-key']
  return typeof key === 'string' && key !== '' ? key : undefined
}

function digest(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

function refused(message: string): ChillError {
  return new ChillError('invalid_api_key', message)
}
