/** The node's GPUs, given out as the device plugin would. */
export interface GpuDevices {
  /** Lock file of each GPU, `{gpu}` standing for its number; simulators fight for it. */
  readonly lock: string
  /** The numbers of the devices that are now the pod's, or undefined when too few are free. */
  assign(uid: string, count: number): readonly string[] | undefined
  release(uid: string): void
}

export function createDevices(count: number, lock: string): GpuDevices {
  const owners = new Map<string, string>()
  const all = Array.from({ length: count }, (_, index) => String(index))
  return {
    lock,
    assign(uid, wanted) {
      const free = all.filter((device) => !owners.has(device))
      if (free.length < wanted) return undefined
      const given = free.slice(0, wanted)
      for (const device of given) owners.set(device, uid)
      return given
    },
    release(uid) {
      for (const [device, owner] of owners) if (owner === uid) owners.delete(device)
    },
  }
}
