import { describe, expect, it } from 'vitest'
import { createOperationsApp } from '../../../src/operations/index.ts'
import { backendStatus, FakeFleet, serveOperations } from './fakes.ts'

const failure = {
  model: 'deepseek',
  reason: 'exited',
  message: 'exit code 1',
  log: ['boom'],
  attempts: 2,
  at: '2026-11-24T06:00:00.000Z',
  retryInMs: 2000,
}

function busyFleet() {
  const fleet = new FakeFleet()
  fleet.backends = [
    backendStatus({
      state: 'ready.serving',
      model: 'qwen3',
      generation: 3,
      leases: 2,
      waiting: [{ model: 'deepseek', count: 4, bytes: 400, oldestMs: 1000 }],
      failures: [failure],
    }),
    backendStatus({ name: 'gpu1', generation: 1, models: ['deepseek'] }),
  ]
  return fleet
}

describe('what operators can read', () => {
  it('status shows every backend and what a person must mend', async () => {
    const { get } = await serveOperations({ fleet: busyFleet() })
    const { status, headers, body } = await get('/proxy/status')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      version: '1.2.3',
      startedAt: '2026-11-24T05:00:00.000Z',
      shuttingDown: false,
      backends: [{ name: 'gpu0', state: 'ready.serving', model: 'qwen3' }, { name: 'gpu1' }],
      problems: [{ source: 'models/broken.yaml' }],
    })
    expect(headers).toMatchObject({
      'content-type': expect.stringContaining('application/json'),
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/.{8}/),
    })
  })

  it('models shows where each is, who waits for it and why it failed', async () => {
    const { get } = await serveOperations({ fleet: busyFleet() })
    const { body } = await get('/proxy/models')
    expect(body.models).toMatchObject([
      { name: 'qwen3', aliases: ['coder'], on: [{ backend: 'gpu0', leases: 2 }], waiting: 0 },
      { name: 'deepseek', modelName: 'org/deepseek', on: [], waiting: 4, failure },
    ])
    expect(body.models[0]).not.toHaveProperty('failure')
    expect(body.problems).toHaveLength(1)
  })

  it("the original's listings keep their shape", async () => {
    const { get, fleet } = await serveOperations({ fleet: busyFleet() })
    expect((await get('/proxy/models/available')).body).toEqual({
      models: [
        {
          name: 'qwen3-manifest',
          servedModelName: 'qwen3',
          modelName: 'org/qwen3',
          maxModelLen: '32768',
        },
        {
          name: 'deepseek-manifest',
          servedModelName: 'deepseek',
          modelName: 'org/deepseek',
          maxModelLen: '32768',
        },
      ],
      count: 2,
    })
    expect((await get('/proxy/models/running')).body).toMatchObject({
      active_model: 'qwen3',
      running: true,
      config: { servedModelName: 'qwen3', maxModelLen: '32768', toolCallParser: '' },
    })
    fleet.backends = [backendStatus()]
    expect((await get('/proxy/models/running')).body).toEqual({
      active_model: '',
      running: false,
      config: null,
    })
    fleet.backends = [backendStatus({ state: 'scalingUp', model: 'deepseek' })]
    expect((await get('/proxy/models/running')).body).toMatchObject({
      active_model: 'deepseek',
      running: false,
    })
  })

  it('stats counts over all backends', async () => {
    const { get } = await serveOperations({ fleet: busyFleet() })
    expect((await get('/proxy/stats')).body).toMatchObject({
      uptime_seconds: expect.any(Number),
      models: 2,
      backends: 2,
      backends_ready: 1,
      requests_in_flight: 2,
      requests_waiting: 4,
      bytes_waiting: 400,
      starts: 4,
      models_failed: 1,
    })
  })

  it('version names program and Node', async () => {
    const { get } = await serveOperations()
    const expected = { name: 'vllm-chill', version: '1.2.3', node: process.version }
    expect((await get('/proxy/version')).body).toEqual(expected)
  })

  it('answers with the request id it was given, unless that could not be logged', async () => {
    const { get } = await serveOperations()
    const given = await get('/proxy/status', { 'x-request-id': 'mine' })
    expect(given.headers['x-request-id']).toBe('mine')
    const unfit = await get('/proxy/status', { 'x-request-id': 'a b' })
    expect(unfit.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/)
  })

  it('reading commands nothing', async () => {
    const { get, fleet } = await serveOperations()
    for (const path of ['status', 'models', 'models/available', 'models/running', 'stats']) {
      expect((await get(`/proxy/${path}`)).status).toBe(200)
    }
    expect(fleet.commands).toEqual([])
  })
})

describe('commands', () => {
  it('switch resolves an alias, commands the fleet and answers at once', async () => {
    const logged: unknown[] = []
    const log = {
      info: (fields: object, message: string) => void logged.push(fields, message),
      error() {},
    }
    const { post, fleet } = await serveOperations({ log })
    const { status, body } = await post('/proxy/models/switch', { model_id: 'coder' })
    expect(status).toBe(202)
    expect(body).toMatchObject({
      status: 'accepted',
      model: 'qwen3',
      message: 'switching to qwen3',
      backends: [{ name: 'gpu0' }],
    })
    expect(fleet.commands).toEqual([{ switch: { model: 'qwen3' } }])
    expect(logged).toEqual([{ model: 'qwen3' }, expect.stringContaining('switching to qwen3')])
  })

  it.each([
    ['start', undefined, {}],
    ['start', { backend: 'gpu0', model: 'coder' }, { backend: 'gpu0', model: 'qwen3' }],
    ['stop', {}, {}],
    ['stop', { backend: 'gpu0', hold: true }, { backend: 'gpu0', hold: true }],
    ['stop', { model: 'deepseek' }, { model: 'deepseek' }],
  ])('%s takes %j', async (word, body, command) => {
    const { post, fleet } = await serveOperations()
    expect((await post(`/proxy/operations/${word}`, body)).status).toBe(202)
    expect(fleet.commands).toEqual([{ [word]: command }])
  })

  it.each([
    ['models/switch', {}, 400, 'bad_request', 'model_id'],
    ['models/switch', { model_id: 7 }, 400, 'bad_request', 'model_id'],
    ['models/switch', { model_id: 'qwen3', force: true }, 400, 'bad_request', 'force'],
    ['models/switch', { model_id: 'unknown' }, 404, 'model_not_found', null],
    ['models/switch', '{', 400, 'invalid_json', null],
    ['models/switch', '[]', 400, 'bad_request', null],
    ['operations/start', { backend: 'gpu9' }, 400, 'bad_request', 'backend'],
    ['operations/stop', { hold: 'yes' }, 400, 'bad_request', 'hold'],
    ['operations/stop', `{"model":"${'x'.repeat(70_000)}"}`, 413, 'request_too_large', null],
  ])('%s with %.40j is refused with %d', async (path, body, status, code, param) => {
    const { post, fleet } = await serveOperations()
    const answer = await post(`/proxy/${path}`, body)
    expect(answer).toMatchObject({ status, body: { error: { code, param } } })
    expect(answer.headers).toHaveProperty('x-request-id')
    expect(fleet.commands).toEqual([])
  })

  it('an unknown model is told the known ones', async () => {
    const { post } = await serveOperations()
    const { body } = await post('/proxy/models/switch', { model_id: 'unknown' })
    expect(body.error.message).toBe('No model "unknown". Known: qwen3, deepseek.')
  })

  it('nothing is taken while shutting down', async () => {
    const fleet = new FakeFleet()
    fleet.shuttingDown = true
    const { post } = await serveOperations({ fleet })
    const answer = await post('/proxy/operations/start')
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'shutting_down' } } })
    expect(fleet.commands).toEqual([])
  })
})

describe('the log', () => {
  it('tells each refusal with its reason and request id', async () => {
    const told: object[] = []
    const log = { info: (fields: object) => void told.push(fields), error() {} }
    const { post } = await serveOperations({ token: 'secret', log })
    await post('/proxy/operations/stop', {}, { 'x-request-id': 'mine' })
    const fields = { requestId: 'mine', route: '/proxy/operations/stop', code: 'forbidden' }
    expect(told).toEqual([expect.objectContaining(fields)])
  })

  it('tells a defect, and the caller only where to look', async () => {
    const told: object[] = []
    const log = { info() {}, error: (fields: object) => void told.push(fields) }
    const fleet = new FakeFleet()
    fleet.onStatus = () => {
      throw new TypeError('secret inner state')
    }
    const { get } = await serveOperations({ fleet, log })
    const { status, body } = await get('/proxy/status', { 'x-request-id': 'mine' })
    expect(status).toBe(500)
    expect(body.error).toMatchObject({ code: 'internal_error' })
    expect(body.error.message).toContain('mine')
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(told).toEqual([{ requestId: 'mine', err: expect.any(TypeError) }])
  })
})

describe('on a port of their own', () => {
  it('operators get the answers that are theirs, and errors of the same shape for all other paths', async () => {
    const { get } = await serveOperations({ token: 'secret' }, createOperationsApp)
    const key = { authorization: 'Bearer secret' }
    expect((await get('/proxy/status', key)).status).toBe(200)
    expect(await get('/v1/models')).toMatchObject({ status: 403 })
    expect(await get('/v1/models', key)).toMatchObject({
      status: 404,
      headers: { 'x-request-id': expect.any(String) },
      body: { error: { code: 'not_found' } },
    })
    expect(await get('/%ff', key)).toMatchObject({
      status: 400,
      headers: { 'x-request-id': expect.any(String) },
      body: { error: { code: 'bad_request' } },
    })
  })
})

describe('what is not there', () => {
  it('says what there is', async () => {
    const { get } = await serveOperations()
    const answer = await get('/proxy/modles')
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    expect(answer.body.error.message).toContain('/proxy/models/switch')
  })

  it('says which method a path takes', async () => {
    const { get, send } = await serveOperations()
    expect(await get('/proxy/models/switch')).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
      body: { error: { code: 'method_not_allowed', message: expect.stringContaining('POST') } },
    })
    expect(await send('DELETE', '/proxy/status')).toMatchObject({
      status: 405,
      headers: { allow: 'GET' },
    })
  })
})
