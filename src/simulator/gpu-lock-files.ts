/**
 * The lock files of the devices that this process may use, in an order in which two processes
 * with overlapping devices cannot each hold what the other wants.
 *
 * @param template path, in which `{gpu}` stands for the device; without it one file stands for all
 * @param visible value of CUDA_VISIBLE_DEVICES
 */
export function gpuLockFiles(
  template: string,
  visible: string | undefined,
  tensorParallelSize: number,
): readonly string[] {
  if (template === '') return []
  if (!template.includes('{gpu}')) return [template]
  const named = (visible ?? '')
    .split(',')
    .map((device) => device.trim())
    .filter((device) => device !== '')
  const devices =
    named.length > 0 ? named : Array.from({ length: tensorParallelSize }, (_, index) => `${index}`)
  return [...new Set(devices)].sort().map((device) => template.replaceAll('{gpu}', device))
}
