import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { FailureSigns } from '../../../src/drivers/process/start-failure.ts'
import { ask, refusalOf } from '../../integration/serve/conversation.ts'
import { modelFolders, vllm, vllmEnvironment } from '../environment/cache.ts'
import { startProgram, tiny } from './program.ts'

test('a start that vLLM refuses is told with its reason, as soon as the process has ended', async () => {
  const program = await startProgram({
    flag: tiny('small', { extraArgs: ['--no-such-flag'] }),
    folder: tiny('small', { modelName: '/no/such/model' }),
    length: tiny('small', { maxModelLen: 100_000 }),
  })
  const reasons = {
    flag: /unrecognized arguments: --no-such-flag/,
    folder: /no\/such\/model/,
    length: /before it was ready: Value error, User-specified max_model_len \(100000\)/,
  }
  for (const [model, reason] of Object.entries(reasons)) {
    const refusal = await refusalOf(await ask(program, model))
    expect(refusal).toMatchObject({ status: 503, code: 'model_failed', shouldRetry: 'false' })
    expect(refusal.message).toMatch(reason)
    await program.untilState('cold')
    expect(await program.living()).toHaveLength(1)
  }
})

test('a port that is taken shows in what vLLM writes', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await once(squatter, 'listening')
  const { port } = squatter.address() as AddressInfo
  const words = ['serve', modelFolders.small, '--host', '127.0.0.1', '--port', String(port)]
  const child = spawn(vllm, words, {
    env: { ...vllmEnvironment },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const signs = new FailureSigns()
  createInterface(child.stderr).on('line', (line) => signs.read(line))
  const [code] = await once(child, 'close')
  expect(code).toBe(1)
  expect(signs.portTaken).toBe(true)
})
