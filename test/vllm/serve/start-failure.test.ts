import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ask, refusalOf } from '../../integration/serve/conversation.ts'
import { says } from '../../integration/serve/log-lines.ts'
import { startProgram, tiny } from './program.ts'

/** From the exit of a process to the answer that tells of it, ms. */
const soonMs = 3_000

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
    const toldAt = Date.now()
    expect(refusal).toMatchObject({ status: 503, code: 'model_failed', shouldRetry: 'false' })
    expect(refusal.message).toMatch(reason)
    const ended = await program.log.waitFor(
      (line) => /^ended with code [12]$/.test(line.msg) && line['model'] === model,
    )
    expect(toldAt - Date.parse(String(ended['time']))).toBeLessThan(soonMs)
    await program.untilState('cold')
    expect(await program.living()).toHaveLength(1)
  }
})

test('a port that somebody else takes first costs one more launch, and no request', async () => {
  const program = await startProgram({ small: tiny('small') })
  const answer = ask(program, 'small', { max_tokens: 4 })
  const { port } = await program.log.waitFor(says('started'))
  // Long before vLLM has read its arguments.
  const squatter = createServer((socket) => socket.destroy()).listen(Number(port), '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await once(squatter, 'listening')
  expect((await answer).status).toBe(200)
  expect(program.launches()).toHaveLength(2)
  const lost = program.log.all.filter(says('trying another port'))
  expect(lost.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/exited with code 1 before it was ready: OSError: .*already in use/),
  ])
})
