import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChillError } from '../../../src/errors/index.ts'
import { replaceSpans } from '../../../src/proxy/body-scanner.ts'
import { MultipartScanner } from '../../../src/proxy/multipart.ts'

const type = 'multipart/form-data; boundary=XX'

interface Part {
  name: string
  value: Buffer | string
  filename?: string
}

function form(parts: readonly Part[], boundary = 'XX'): Buffer {
  return Buffer.concat([
    ...parts.flatMap(({ name, value, filename }) => [
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`,
      ),
      Buffer.from(value),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ])
}

function scan(body: Buffer, contentType = type, size = body.length): MultipartScanner {
  const scanner = new MultipartScanner(contentType)
  for (let at = 0; at < body.length; at += size) scanner.push(body.subarray(at, at + size))
  scanner.end()
  return scanner
}

function codeOf(body: Buffer, contentType = type): string {
  try {
    scan(body, contentType)
    return 'none'
  } catch (error) {
    return (error as ChillError).code
  }
}

describe('the multipart scanner', () => {
  it('finds the model behind a file of any content, in chunks of any size', () => {
    const awkward = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .constantFrom('\r\n--X', '\r\n--', '\r\n\r\n', 'name="model"\r\n\r\nb')
        .map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(
        awkward,
        fc.integer({ min: 1, max: 64 }),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
        (file, size, name) => {
          fc.pre(!name.includes('\r\n--XX'))
          const scanner = scan(
            form([
              { name: 'file', filename: 'a.wav', value: Buffer.from(file) },
              { name: 'model', value: name },
            ]),
            type,
            size,
          )
          expect(scanner.model).toBe(Buffer.from(name).toString())
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('tells where the name stands', () => {
    const parts = [
      { name: 'model', value: 'alias' },
      { name: 'stream', value: 'true' },
    ]
    for (let size = 1; size < 40; size++) {
      const body = form(parts)
      const scanner = scan(body, type, size)
      expect(scanner.stream).toBe(true)
      const replaced = Buffer.concat(replaceSpans([body], scanner.spans, scanner.literal('m')))
      expect(replaced).toEqual(form([{ name: 'model', value: 'm' }, parts[1] as Part]))
    }
  })

  it('accepts a quoted boundary', () => {
    expect(
      scan(
        form([{ name: 'model', value: 'a' }], 'a b'),
        'Multipart/Form-Data; charset=utf-8; Boundary="a b"',
      ).model,
    ).toBe('a')
  })

  it('does not take a file called model for the field', () => {
    expect(scan(form([{ name: 'model', filename: 'x', value: 'a' }])).model).toBeUndefined()
  })

  it('refuses two different models', () => {
    expect(
      codeOf(
        form([
          { name: 'model', value: 'a' },
          { name: 'model', value: 'b' },
        ]),
      ),
    ).toBe('bad_request')
  })

  it('refuses a form that ends early, and what is no form', () => {
    expect(codeOf(form([{ name: 'model', value: 'a' }]).subarray(0, -4))).toBe('invalid_json')
    expect(codeOf(form([]), 'application/json')).toBe('invalid_json')
    expect(codeOf(form([]), 'multipart/form-data')).toBe('invalid_json')
    expect(codeOf(Buffer.from('--XXgarbage'))).toBe('invalid_json')
  })

  it('refuses a name and a head without end before they fill the memory', () => {
    expect(codeOf(form([{ name: 'model', value: 'x'.repeat(5000) }]).subarray(0, -10))).toBe(
      'bad_request',
    )
    expect(codeOf(Buffer.from(`--XX\r\n${'x'.repeat(20_000)}`))).toBe('invalid_json')
  })
})
