import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { eachProcess, hasProc } from './process-table.ts'

/**
 * An environment variable with a value of its own for each launch. Whatever a backend starts inherits
 * it, so that workers which left the group (setsid) are found again, and a recycled pid never is
 * mistaken for one of ours.
 */
export const markerName = 'VLLM_CHILL_BACKEND_ID'

export function newMarker(): string {
  return randomUUID()
}

/** Whether this process was started by the launch with that marker; false where it cannot be told. */
export function carriesMarker(pid: number, marker: string): boolean {
  if (!hasProc) return false
  try {
    return readFileSync(`/proc/${pid}/environ`).includes(`${markerName}=${marker}`)
  } catch {
    return false
  }
}

/** Living processes of that launch, in the group or out of it; none where it cannot be told. */
export async function processesWithMarker(marker: string): Promise<number[]> {
  if (!hasProc) return []
  return await eachProcess((pid) =>
    // A vllm-chill started from inside a backend inherits that marker, and must not end itself.
    pid !== process.pid && carriesMarker(pid, marker) ? pid : undefined,
  )
}
