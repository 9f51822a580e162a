/** `v1.31.2`, `1.31+` → 31 */
export function minorOf(version: string): number | undefined {
  const minor = /^v?1\.(\d+)/.exec(version)?.[1]
  return minor === undefined ? undefined : Number(minor)
}
