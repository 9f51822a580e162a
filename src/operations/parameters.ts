import { ChillError } from '../errors/index.ts'

/** Requests of one kind in one answer, unless asked for otherwise. */
export const mostListed = 1_000

export function wholeNumber(parameters: URLSearchParams, name: string): number | undefined {
  const given = parameters.get(name)
  if (given === null) return undefined
  if (/^\d{1,9}$/.test(given)) return Number(given)
  throw new ChillError('bad_request', `${name} is a whole number, not ${JSON.stringify(given)}`, {
    param: name,
  })
}

export function flag(parameters: URLSearchParams, name: string): boolean | undefined {
  const given = parameters.get(name)
  if (given === null) return undefined
  if (given === 'true' || given === 'false') return given === 'true'
  throw new ChillError('bad_request', `${name} is true or false, not ${JSON.stringify(given)}`, {
    param: name,
  })
}
