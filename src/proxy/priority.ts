import type { IncomingHttpHeaders } from 'node:http'
import { ChillError } from '../errors/index.ts'

const header = 'x-vllm-chill-priority'
const furthest = 10

/**
 * What `X-Vllm-Chill-Priority` asks for, where clients may: a whole number from -10 to 10; 0 without the
 * header, or where it is not allowed. Throws `bad_request` for anything else.
 */
export function requestPriority(headers: IncomingHttpHeaders, isAllowed: boolean): number {
  const given = headers[header]
  if (!isAllowed || given === undefined) return 0
  const priority = Number(given)
  if (/^[+-]?\d+$/.test(String(given)) && Math.abs(priority) <= furthest) return priority
  throw new ChillError(
    'bad_request',
    `X-Vllm-Chill-Priority takes a whole number from -${furthest} to ${furthest}, not "${String(given).slice(0, 40)}".`,
  )
}
