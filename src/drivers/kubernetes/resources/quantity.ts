const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** What a Kubernetes quantity amounts to; undefined where it is none. */
export function quantityOf(text: unknown): number | undefined {
  const match = /^([+-]?\d+(?:\.\d+)?)(?:([eE][+-]?\d+)|([numkKMGTPE]i?))?$/.exec(String(text))
  if (!match) return undefined
  const [, digits = '', exponent = '', suffix = ''] = match
  const factor = factors[suffix]
  return factor === undefined ? undefined : Number(digits + exponent) * factor
}
