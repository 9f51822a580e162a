import fc from 'fast-check'
import { specSchema, type VllmModelManifest } from '../../../src/catalogue/index.ts'
import { splitCommand } from '../../../src/config/index.ts'

type Spec = VllmModelManifest['spec']

/** Texts that can be written as UTF-8. */
const text = fc.string({ unit: 'grapheme' })
const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-z0-9./_-]{0,20}$/),
  text.filter((each) => /^[^\s-](.*\S)?$/.test(each)),
)
const unit = fc.constantFrom('ms', 's', 'm', 'h')
const part = fc.oneof(
  fc.tuple(fc.nat(400), unit).map(([count, of]) => `${count}${of}`),
  fc.tuple(fc.nat(9), fc.nat(99), unit).map(([whole, rest, of]) => `${whole}.${rest}${of}`),
)
const duration = fc.oneof(
  fc.constant('0'),
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
)
const command = fc.oneof(
  text.filter((line) => splitCommand(line) !== undefined),
  fc.array(text, { minLength: 1, maxLength: 3 }),
)
const atLeast = (min: number) =>
  fc.oneof(
    fc.integer({ min, max: min + 9 }),
    fc.maxSafeInteger().map((value) => Math.max(min, value)),
  )
const map = <T>(value: fc.Arbitrary<T>) =>
  fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/), value, {
    maxKeys: 3,
    noNullPrototype: true,
  })

/** For every field that there is, whatever it may hold. */
const fields = {
  modelName: name,
  servedModelName: name,
  aliases: fc.uniqueArray(name, { maxLength: 3 }),
  toolCallParser: fc.constantFrom(...specSchema.shape.toolCallParser.unwrap().options),
  reasoningParser: fc.constantFrom(...specSchema.shape.reasoningParser.unwrap().options),
  tensorParallelSize: atLeast(1),
  maxModelLen: atLeast(512),
  gpuMemoryUtilization: fc.oneof(fc.constant(1), fc.double({ min: 0.1, max: 1, noNaN: true })),
  enableChunkedPrefill: fc.boolean(),
  maxNumBatchedTokens: atLeast(1),
  maxNumSeqs: atLeast(1),
  dtype: fc.constantFrom(...specSchema.shape.dtype.unwrap().options),
  disableCustomAllReduce: fc.boolean(),
  enablePrefixCaching: fc.boolean(),
  cpuOffloadGB: atLeast(0),
  enableAutoToolChoice: fc.boolean(),
  extraArgs: fc.array(text, { maxLength: 3 }),
  env: map(text),
  startTimeout: duration,
  idleTimeout: duration,
  priority: fc.maxSafeInteger(),
  maxInFlight: atLeast(1),
  command,
  image: fc.string({ unit: 'grapheme', minLength: 1 }),
  gpuCount: atLeast(0),
  podTemplate: fc.record(
    {
      metadata: map(fc.jsonValue({ maxDepth: 1 })),
      spec: map(fc.jsonValue({ maxDepth: 2 })),
    },
    { requiredKeys: [] },
  ),
} satisfies { [Field in keyof Required<Spec>]: fc.Arbitrary<unknown> }

/** A spec as a manifest may have it, but for what only code can check: durations, for one. */
export const anySpec = fc
  .record(fields, { requiredKeys: ['modelName', 'servedModelName'] })
  .filter(({ servedModelName, aliases = [] }) => !aliases.includes(servedModelName))
