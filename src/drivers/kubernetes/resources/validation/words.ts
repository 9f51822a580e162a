/** What Kubernetes asks of names, and how a message calls it. */
export interface Rule {
  readonly test: (text: string) => boolean
  readonly expected: string
}

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const rule = (pattern: RegExp, longest: number, expected: string): Rule => ({
  test: (text) => text.length <= longest && pattern.test(text),
  expected,
})

/** Of most objects. */
export const objectName = rule(
  new RegExp(`^${label}(\\.${label})*$`),
  253,
  'lower-case letters, digits, dashes and dots, with a letter or digit at both ends',
)

/** Of Services, whose names become host names. */
export const serviceName = rule(
  /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
  63,
  'up to 63 lower-case letters, digits and dashes, beginning with a letter',
)

export const variableName = rule(
  /^[-._a-zA-Z][-._a-zA-Z0-9]*$/,
  Number.MAX_SAFE_INTEGER,
  'letters, digits, _, - and ., not beginning with a digit',
)

const qualified = new RegExp(`^(${label}(\\.${label})*/)?[a-zA-Z0-9]([-\\w.]{0,61}[a-zA-Z0-9])?$`)

/** Keys of labels and annotations. */
export const labelKey = rule(
  qualified,
  253 + 64,
  'up to 63 letters, digits, -, _ and ., behind a domain and a slash if need be',
)

export const labelValue = rule(
  /^([a-zA-Z0-9]([-\w.]*[a-zA-Z0-9])?)?$/,
  63,
  'up to 63 letters, digits, -, _ and ., with a letter or digit at both ends',
)

/** Of a device plugin. */
export const deviceName: Rule = {
  test: (text) => text.includes('/') && qualified.test(text),
  expected: 'a name with its domain, such as nvidia.com/gpu',
}

const standardResource = /^(cpu|memory|ephemeral-storage|hugepages-.+)$/
export const resourceName: Rule = {
  test: (text) => standardResource.test(text) || deviceName.test(text),
  expected: 'cpu, memory, ephemeral-storage, hugepages-… or a device such as nvidia.com/gpu',
}

const part = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*'
export const imageReference = rule(
  new RegExp(
    `^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:\\d+)?/)?${part}(/${part})*(:\\w[\\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$`,
  ),
  512,
  'registry/name:tag',
)
