import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChillError } from '../../../src/errors/index.ts'
import { ModelScanner } from '../../../src/proxy/model-scanner.ts'
import { replaceSpans } from '../../../src/proxy/body-scanner.ts'

function scan(chunks: readonly (string | Buffer)[]): ModelScanner {
  const scanner = new ModelScanner()
  for (const chunk of chunks) scanner.push(Buffer.from(chunk))
  scanner.end()
  return scanner
}

function codeOf(...chunks: (string | Buffer)[]): string {
  try {
    scan(chunks)
    return 'none'
  } catch (error) {
    return (error as ChillError).code
  }
}

/** Cuts a text's bytes at the given places, wherever in a character they fall. */
function cut(text: string | Buffer, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const borders = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]
  return borders.slice(1).map((end, i) => bytes.subarray(borders[i], end))
}

/** A string as JSON text with some of its UTF-16 units written as escapes. */
const anyText = fc.oneof(
  fc.constantFrom(
    'model',
    'stream',
    'mod',
    '"model":"x"',
    '\\',
    '"',
    '\\"',
    '\\\\',
    '',
    '\u{1f600}é',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
)
function jsonText(text: string, escapes: readonly boolean[]): string {
  const units = Array.from({ length: text.length }, (_, i) => text[i] as string)
  return `"${units
    .map((unit, i) =>
      escapes.length > 0 && escapes[i % escapes.length]
        ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
        : JSON.stringify(unit).slice(1, -1),
    )
    .join('')}"`
}

const blank = fc.constantFrom('', ' ', '\n\t', '\r\n  ')
function spelled(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(texts, fc.array(fc.boolean(), { maxLength: 4 }))
    .map(([text, escapes]) => jsonText(text, escapes))
}
const anyString = spelled(anyText)
// No backslash in keys: V8 13.6 itself misreads an escaped key once it has seen one that is `\\`.
const anyKey = spelled(anyText.map((text) => text.replaceAll('\\', '/')))
const anyValue = fc.oneof(
  anyString,
  fc
    .jsonValue()
    .map((value) => JSON.stringify(value))
    .filter((text) => !text.includes('\\')),
  fc.constantFrom('true', 'false', 'null', '-1.5e+3'),
)
const member = fc
  .tuple(anyKey, blank, blank, anyValue, blank)
  .map(([key, before, after, value, end]) => `${key}${before}:${after}${value}${end}`)
const nested = fc
  .tuple(fc.array(member, { maxLength: 4 }), anyString)
  .map(([members, text]) => `"o":[{${members.join(',')}},${text},[[]]]`)
const anyObject = fc
  .tuple(
    blank,
    fc.array(fc.oneof({ weight: 3, arbitrary: member }, nested), { maxLength: 8 }),
    blank,
  )
  .map(([blank, members, end]) => `${blank}{${blank}${members.join(`,${blank}`)}}${end}`)

/** Top-level values of `model`, in order. */
function modelsIn(text: string): unknown[] {
  return topMembers(text).flatMap(([key, value]) => (key === 'model' ? [value] : []))
}

/** JSON.parse keeps only the last of equal keys, so it is asked member by member. */
function topMembers(text: string): [string, unknown][] {
  const members: [string, unknown][] = []
  let depth = 0
  let inString = false
  let from = text.indexOf('{') + 1
  for (let i = from; i < text.length; i++) {
    const char = text[i] as string
    if (inString) {
      if (char === '\\') i++
      else if (char === '"') inString = false
      continue
    }
    if (char === '"') inString = true
    else if (char === '{' || char === '[') depth++
    else if (char === ']' || (char === '}' && depth > 0)) depth--
    else if ((char === ',' || char === '}') && depth === 0) {
      const part = text.slice(from, i)
      if (part.trim() !== '')
        members.push(Object.entries(JSON.parse(`{${part}}`) as object)[0] as [string, unknown])
      from = i + 1
    }
  }
  return members
}

describe('the model scanner', () => {
  it('agrees with JSON.parse on every object, however it is cut and escaped', () => {
    fc.assert(
      fc.property(anyObject, fc.array(fc.nat(), { maxLength: 12 }), (text, places) => {
        const parsed = JSON.parse(text) as { model?: unknown; stream?: unknown }
        const models = modelsIn(text)
        const chunks = cut(text, places)
        const distinct = new Set(
          models.map((model) => (model === null || model === '' ? undefined : model)),
        )
        if (
          models.some((model) => model !== null && typeof model !== 'string') ||
          distinct.size > 1
        ) {
          expect(codeOf(...chunks)).toBe('bad_request')
          return
        }
        const scanner = scan(chunks)
        // Lone surrogates have no bytes in UTF-8: both sides then see the replacement character.
        const expected =
          typeof parsed.model === 'string' && parsed.model !== '' ? parsed.model : undefined
        expect(scanner.model?.toWellFormed()).toBe(expected?.toWellFormed())
        expect(scanner.stream).toBe(parsed.stream === true)
      }),
      { numRuns: 3000 },
    )
  })

  it('tells where the names stand, so that replacing them gives the same object with another model', () => {
    fc.assert(
      fc.property(
        anyObject,
        anyString,
        fc.array(fc.nat(), { maxLength: 12 }),
        anyText,
        (object, value, places, name) => {
          fc.pre(value !== '""' && modelsIn(object).length === 0)
          const rest = object.trimStart().slice(1)
          const text = `{"model":${value}${rest.trim() === '}' ? '' : ','}${rest}`
          const chunks = cut(text, places)
          const scanner = scan(chunks)
          const replaced = Buffer.concat(
            replaceSpans(chunks, scanner.spans, scanner.literal(name)),
          ).toString()
          expect(JSON.parse(replaced)).toEqual({
            ...(JSON.parse(Buffer.from(text).toString()) as object),
            model: JSON.parse(scanner.literal(name).toString()) as string,
          })
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('knows the model before the body has ended', () => {
    const scanner = new ModelScanner()
    scanner.push(Buffer.from('{"model":"a","messages":['))
    expect(scanner.model).toBe('a')
  })

  it('reads an escaped key as what it means', () => {
    expect(scan(['{"mod\\u0065l":"a"}']).model).toBe('a')
  })

  it('is not fooled by a model that is nested or inside a text', () => {
    expect(
      scan(['{"metadata":{"model":"b"},"prompt":"\\",\\"model\\":\\"c\\"","model":"a"}']).model,
    ).toBe('a')
  })

  it('refuses two different models and accepts the same one twice', () => {
    expect(codeOf('{"model":"a","model":"b"}')).toBe('bad_request')
    expect(scan(['{"model":"a","mod\\u0065l":"a"}']).spans).toHaveLength(2)
  })

  it('refuses a model that is not a string, but takes null for none', () => {
    for (const value of ['1', 'true', '{}', '["a"]'])
      expect(codeOf(`{"model":${value}}`)).toBe('bad_request')
    expect(scan(['{"model":null}']).model).toBeUndefined()
  })

  it('tolerates a byte order mark, as vLLM does', () => {
    const body = Buffer.from('\ufeff{"model":"a"}')
    expect(scan([body]).model).toBe('a')
    expect(scan(Array.from(body, (byte) => Buffer.from([byte]))).model).toBe('a')
  })

  it.each([
    '',
    'null',
    '[]',
    '"model"',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '{"a" 1}',
    '{1:2}',
    '{"a":1}}',
    '{} x',
    '{"model":"a',
    '{"a":}',
    '{,}',
    '\u0000{}',
  ])('refuses %j as not a JSON object', (text) => {
    expect(codeOf(text)).toBe('invalid_json')
  })

  it('refuses a model name without end before it fills the memory', () => {
    const scanner = new ModelScanner()
    const long = Buffer.alloc(3000, 'x')
    scanner.push(Buffer.from('{"model":"'))
    scanner.push(long)
    expect(() => scanner.push(long)).toThrow(ChillError)
  })
})
