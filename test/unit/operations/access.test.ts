import { describe, expect, it } from 'vitest'
import { serveOperations } from './fakes.ts'
import { mayChange, mayRead } from '../../../src/operations/access.ts'

const local = '127.0.0.1'
const caller = (address: string | undefined, headers: Record<string, string> = {}) => ({
  address,
  headers: new Headers({ host: '127.0.0.1:8080', ...headers }),
})

describe('who may change something, without an operations token', () => {
  it.each([local, '127.8.8.8', '::1', '::ffff:127.0.0.1'])('%s is this machine', (address) => {
    expect(() => mayChange(caller(address), {})).not.toThrow()
  })

  it.each(['10.0.0.5', '::ffff:10.0.0.5', 'fe80::1', '0.0.0.0', undefined])(
    '%s is another machine',
    (address) => {
      expect(() => mayChange(caller(address), {})).toThrow(/from this machine only/)
    },
  )

  it.each<Record<string, string>>([
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for=127.0.0.1' },
    { 'x-real-ip': '127.0.0.1' },
  ])('a proxy on this machine speaks for others: %j', (headers) => {
    expect(() => mayChange(caller(local, headers), {})).toThrow(/from this machine only/)
  })

  it('an address in a header makes nobody local', () => {
    const headers = { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' }
    expect(() => mayChange(caller('10.0.0.5', headers), {})).toThrow(/from this machine only/)
  })

  it.each(['localhost:8080', 'LOCALHOST', '[::1]:8080', '192.168.1.4:8080'])(
    'Host %s cannot be a foreign name',
    (host) => {
      expect(() => mayChange(caller(local, { host }), {})).not.toThrow()
    },
  )

  it.each(['evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example', ''])(
    'Host "%s" may be a foreign name that points here',
    (host) => {
      expect(() => mayChange(caller(local, { host }), {})).toThrow(/under the name/)
    },
  )

  it('a configured host name is ours', () => {
    const rules = { hosts: ['gpu-box.lan'] }
    expect(() => mayChange(caller(local, { host: 'gpu-box.lan:8080' }), rules)).not.toThrow()
  })
})

describe('pages of other origins', () => {
  it.each<Record<string, string>>([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:9999' },
    { 'sec-fetch-site': 'cross-site' },
  ])('may change nothing: %j', (headers) => {
    expect(() => mayChange(caller(local, headers), {})).toThrow(/another origin/)
    const withToken = { ...headers, authorization: 'Bearer secret' }
    expect(() => mayChange(caller(local, withToken), { token: 'secret' })).toThrow(/another origin/)
  })

  it('our own page may', () => {
    const headers = { origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' }
    expect(() => mayChange(caller(local, headers), {})).not.toThrow()
  })
})

describe('an operations token', () => {
  const rules = { token: 'secret' }

  it('opens everything, from anywhere and under any name', () => {
    const headers = { authorization: 'Bearer secret', host: 'chill.example' }
    expect(() => mayRead(caller('10.0.0.5', headers), rules)).not.toThrow()
    expect(() => mayChange(caller('10.0.0.5', headers), rules)).not.toThrow()
  })

  it.each<Record<string, string>>([
    {},
    { authorization: 'Bearer wrong' },
    { authorization: 'Bearer secrets' },
    { authorization: 'Basic secret' },
    { authorization: 'secret' },
    { 'x-api-key': 'secret' },
  ])('is needed even on loopback, and even to read: %j', (headers) => {
    expect(() => mayRead(caller(local, headers), rules)).toThrow(/operations token/)
    expect(() => mayChange(caller(local, headers), rules)).toThrow(/operations token/)
  })
})

describe('over a real socket', () => {
  it('loopback may switch without a token', async () => {
    const { post, fleet } = await serveOperations()
    expect(await post('/proxy/models/switch', { model_id: 'qwen3' })).toMatchObject({ status: 202 })
    expect(fleet.commands).toHaveLength(1)
  })

  it('a call that came through a proxy on this machine may read and change nothing', async () => {
    const { get, post, fleet } = await serveOperations()
    const headers = { 'x-forwarded-for': '203.0.113.9' }
    expect(await get('/proxy/status', headers)).toMatchObject({ status: 200 })
    const refused = await post('/proxy/models/switch', { model_id: 'qwen3' }, headers)
    expect(refused).toMatchObject({
      status: 403,
      body: { error: { code: 'forbidden', type: 'permission_error' } },
    })
    expect(fleet.commands).toEqual([])
  })

  it('a form on a foreign page cannot be sent here', async () => {
    const { post, fleet } = await serveOperations()
    const body = '{"model_id":"qwen3"}'
    const form = { 'content-type': 'text/plain' }
    expect(await post('/proxy/models/switch', body, form)).toMatchObject({
      status: 400,
      body: { error: { code: 'bad_request', message: expect.stringContaining('--json') } },
    })
    expect(fleet.commands).toEqual([])
  })

  it('with a token set, everything below /proxy asks for it, what does not exist too', async () => {
    const { get } = await serveOperations({ token: 'secret' })
    for (const path of ['/proxy/status', '/proxy/version', '/proxy/nothing', '/proxy']) {
      expect((await get(path)).status, path).toBe(403)
    }
    expect((await get('/proxy/status', { authorization: 'Bearer secret' })).status).toBe(200)
  })
})
