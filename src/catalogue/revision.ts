import { createHash } from 'node:crypto'
import { vllmArguments } from './arguments.ts'
import type { VllmModel } from './schema.ts'

/**
 * Changes when, and only when, a running backend must be restarted to follow the manifest: with the
 * arguments, the environment, the command and the image. Timeouts and priority are ours alone.
 */
export function revisionOf(model: VllmModel): string {
  const { env, command, image, gpuCount, podTemplate } = model.spec
  const sortedEnv = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))
  const words: unknown[] = [vllmArguments(model), sortedEnv, command, image]
  // Revisions of models without them stay as they were.
  if (gpuCount !== undefined || podTemplate !== undefined) words.push(gpuCount, podTemplate)
  const restartsFor = JSON.stringify(words)
  // 48 bits: two revisions of one model meet by chance never, and it fits a label or a log line.
  return createHash('sha256').update(restartsFor).digest('hex').slice(0, 12)
}
