import type { V1Container } from '@kubernetes/client-node'
import { quantityOf } from '../quantity.ts'
import type { PodProblem } from '../types.ts'
import { resourceName } from './words.ts'

type Amounts = Readonly<Record<string, unknown>>

/** What a container asks for and may have: names, amounts, and the one against the other. */
export function resourceProblems({ resources }: V1Container, path: string): PodProblem[] {
  const { requests = {}, limits = {} } = resources ?? {}
  return [
    ...amountProblems(requests, `${path}.requests`),
    ...amountProblems(limits, `${path}.limits`),
    ...relationProblems(requests, limits, `${path}.requests`),
  ]
}

function amountProblems(amounts: Amounts, path: string): PodProblem[] {
  return Object.entries(amounts).flatMap(([resource, amount]) => {
    const at = `${path}.${resource}`
    if (!resourceName.test(resource)) {
      return [{ path: at, message: `is no resource; expected ${resourceName.expected}` }]
    }
    const value = quantityOf(amount)
    if (value === undefined || value < 0) {
      const message = `${String(amount)} is no amount; expected one such as 500m, 16Gi or 2`
      return [{ path: at, message }]
    }
    const isPart = resource.includes('/') && !Number.isInteger(value)
    return isPart
      ? [{ path: at, message: `${String(amount)} is not a whole number of devices` }]
      : []
  })
}

function relationProblems(requests: Amounts, limits: Amounts, path: string): PodProblem[] {
  const devices = Object.keys(requests).filter(
    (resource) => resource.includes('/') && limits[resource] === undefined,
  )
  const unlimited = devices.map((resource) => ({
    path: `${path}.${resource}`,
    message: 'devices need a limit, too, and it must be the same',
  }))
  const pairs = Object.entries(requests).filter(([resource]) => limits[resource] !== undefined)
  const unequal = pairs.flatMap(([resource, amount]) => {
    const limit = limits[resource]
    const [asked, allowed] = [quantityOf(amount), quantityOf(limit)]
    if (asked === undefined || allowed === undefined) return []
    const at = `${path}.${resource}`
    if (asked > allowed) {
      const message = `${String(amount)} is more than its limit (${String(limit)})`
      return [{ path: at, message }]
    }
    const isOther = resource.includes('/') && asked !== allowed
    return isOther
      ? [{ path: at, message: `devices must be asked for as they are limited: ${String(limit)}` }]
      : []
  })
  return [...unlimited, ...unequal]
}
