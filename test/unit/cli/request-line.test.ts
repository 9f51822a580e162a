import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logRequest } from '../../../src/cli/serve/request-line.ts'
import type { RequestRecord } from '../../../src/proxy/index.ts'
import { createLog } from '../../../src/telemetry/index.ts'

const record: RequestRecord = {
  id: 'r1',
  method: 'POST',
  route: '/v1/chat/completions',
  model: 'a',
  backend: 'vllm',
  status: 200,
  code: undefined,
  stream: true,
  waitedMs: 1500.04,
  forwardedMs: 1500.26,
  firstByteMs: 1600.01,
  durationMs: 2000.55,
  bytesIn: 100,
  bytesOut: 2000,
  usage: { promptTokens: 12, completionTokens: 34, cachedTokens: 8 },
  traceId: '0af7651916cd43dd8448eb211c80319c',
}

function lineOf(more: Partial<RequestRecord> = {}, level: 'info' | 'warn' = 'info') {
  const lines: string[] = []
  const log = createLog({ level, destination: { write: (line) => void lines.push(line) } })
  logRequest(log, { ...record, ...more })
  return lines.length === 0 ? undefined : (JSON.parse(lines.join('')) as Record<string, unknown>)
}

describe('the line of a request', () => {
  it('has all that is known of it, times in tenths of a millisecond', () => {
    expect(lineOf()).toEqual({
      level: 'info',
      time: expect.any(String),
      id: 'r1',
      method: 'POST',
      route: '/v1/chat/completions',
      model: 'a',
      backend: 'vllm',
      status: 200,
      stream: true,
      waitedMs: 1500,
      forwardedMs: 1500.3,
      firstByteMs: 1600,
      durationMs: 2000.6,
      bytesIn: 100,
      bytesOut: 2000,
      promptTokens: 12,
      cachedTokens: 8,
      completionTokens: 34,
      traceId: '0af7651916cd43dd8448eb211c80319c',
      msg: 'POST /v1/chat/completions a 200 in 2001 ms, 1500 of them waiting',
    })
  })

  it('is as the page shows it', () => {
    const page = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8')
    const [, shown = ''] = /```json\n([^]*?)```/.exec(page) ?? []
    expect(Object.keys(JSON.parse(shown) as object)).toEqual(Object.keys(lineOf() ?? {}))
  })

  it('leaves out what is not', () => {
    const line = lineOf({
      model: undefined,
      backend: undefined,
      status: 401,
      code: 'invalid_api_key',
      waitedMs: 0,
      forwardedMs: undefined,
      firstByteMs: undefined,
      usage: undefined,
      traceId: undefined,
    })
    expect(Object.keys(line ?? {}).join(' ')).toBe(
      'level time id method route status code stream waitedMs durationMs bytesIn bytesOut msg',
    )
    expect(line?.['msg']).toBe('POST /v1/chat/completions 401 invalid_api_key in 2001 ms')
  })

  it('is not written below level info', () => {
    expect(lineOf({}, 'warn')).toBeUndefined()
  })

  it('is one line of JSON whatever a client calls its request and a manifest its model', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (id, model) => {
        expect(lineOf({ id, model })).toMatchObject({ id, model, status: 200 })
      }),
    )
  })
})
