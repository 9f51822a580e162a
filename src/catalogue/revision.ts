import { createHash } from 'node:crypto'
import { vllmArguments } from './arguments.ts'
import type { VllmModel } from './schema.ts'

/**
 * Changes when, and only when, a running backend must be restarted to follow the manifest: with the
 * arguments, the environment, the command, the image and the rest of its pod. Timeouts and priority are ours alone.
 */
export function revisionOf(model: VllmModel): string {
  const { env, command, image, gpuCount, podTemplate } = model.spec
  const sortedEnv = sorted(env)
  const words: unknown[] = [vllmArguments(model), sortedEnv, command, image]
  // Revisions of models without them stay as they were.
  if (gpuCount !== undefined || podTemplate !== undefined) words.push(gpuCount, podTemplate)
  const restartsFor = JSON.stringify(words, inOrder)
  // 48 bits: two revisions of one model meet by chance never, and it fits a label or a log line.
  return createHash('sha256').update(restartsFor).digest('hex').slice(0, 12)
}

function sorted(map: object): [string, unknown][] {
  return Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Maps mean the same in whatever order they are written. */
function inOrder(_: string, part: unknown): unknown {
  const isMap = typeof part === 'object' && part !== null && !Array.isArray(part)
  return isMap ? Object.fromEntries(sorted(part)) : part
}
