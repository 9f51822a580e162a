import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { ChillError } from '../errors/index.ts'

/** What is known of a caller. The address is the socket's own: headers about it can be made up. */
export interface Caller {
  readonly address: string | undefined
  readonly headers: Headers
}

export interface AccessRules {
  /** Asked for on everything when set. */
  readonly token?: string | undefined
  /** Names beside loopback and IP addresses under which a local page or tool may call, without port. */
  readonly hosts?: readonly string[] | undefined
}

/** Throws `forbidden` unless this caller may read. Without a token, everybody may. */
export function mayRead(caller: Caller, rules: AccessRules): void {
  if (rules.token === undefined) return
  if (!carriesToken(caller.headers, rules.token)) {
    throw new ChillError(
      'forbidden',
      'This needs the operations token: send `Authorization: Bearer …`. A client API key opens nothing here.',
    )
  }
}

/** Throws `forbidden` unless this caller may change something. */
export function mayChange(caller: Caller, rules: AccessRules): void {
  mayRead(caller, rules)
  refuseForeignPages(caller.headers)
  if (rules.token === undefined) refuseOtherMachines(caller, rules.hosts ?? [])
}

function carriesToken(headers: Headers, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '')?.[1]
  return given !== undefined && timingSafeEqual(digest(given), digest(token))
}

/** Of equal length whatever was given, which `timingSafeEqual` asks for. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A browser on the operator's machine is a loopback peer too: the page it shows must be our own. */
function refuseForeignPages(headers: Headers): void {
  const origin = headers.get('origin')
  const isForeign =
    (origin !== null && hostOf(origin) !== headers.get('host')?.toLowerCase()) ||
    ['cross-site', 'same-site'].includes(headers.get('sec-fetch-site') ?? '')
  if (isForeign) {
    throw new ChillError('forbidden', 'A page from another origin may not change anything here.')
  }
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

function refuseOtherMachines({ address, headers }: Caller, hosts: readonly string[]): void {
  const cameThroughAProxy = ['forwarded', 'x-forwarded-for', 'x-real-ip'].some((name) =>
    headers.has(name),
  )
  if (!isLoopback(address) || cameThroughAProxy) {
    throw new ChillError(
      'forbidden',
      'Without an operations token, changes are taken from this machine only. Configure a token to allow others.',
    )
  }
  // A foreign name that points at 127.0.0.1 makes any page same-origin (DNS rebinding).
  const name = hostname(headers.get('host'))
  if (name !== 'localhost' && isIP(name) === 0 && !hosts.includes(name)) {
    throw new ChillError(
      'forbidden',
      `Without an operations token, changes are taken under localhost or an IP address, not under the name ${JSON.stringify(name)}.`,
    )
  }
}

function isLoopback(address = ''): boolean {
  const plain = address.replace(/^::ffff:/i, '')
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}

function hostname(host: string | null): string {
  if (host === null || !URL.canParse(`http://${host}`)) return ''
  return new URL(`http://${host}`).hostname.replaceAll(/^\[|\]$/g, '')
}
