import { ApiFault } from '../../drivers/kubernetes/index.ts'
import { unknown, type Check } from './check.ts'

/** What was asked for, or why it could not be looked at. */
export type Look<T> = { readonly seen: T } | { readonly problem: Check }

/**
 * A question to the API whose refusal is an answer too.
 * @param what the line that then says why it is not known
 * @param right what would have to be allowed: `get secrets`
 */
export async function look<T>(
  what: string,
  right: string,
  ask: () => Promise<T>,
): Promise<Look<T>> {
  try {
    return { seen: await ask() }
  } catch (error) {
    return { problem: unknown(what, ...whyUnknown(error, right)) }
  }
}

function whyUnknown(error: unknown, right: string): [found: string, todo?: string] {
  if (!(error instanceof ApiFault)) throw error
  if (error.code === 403) {
    return ['cannot be looked at for lack of rights', `ask as somebody who may ${right}`]
  }
  return [`cannot be looked at: ${error.message}`]
}
