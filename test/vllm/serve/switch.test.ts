import { expect, test } from 'vitest'
import { ask, stream } from '../../integration/serve/conversation.ts'
import { startProgram, tiny } from './program.ts'

const few = { max_tokens: 4, ignore_eos: true }

test('a stream is not cut by a switch, an idle model goes and comes back', async () => {
  const program = await startProgram(
    { small: tiny('small'), large: tiny('large', { ...allElse, idleTimeout: '2s' }) },
    ['--max-wait', '100ms'],
  )
  expect((await ask(program, 'small', few)).status).toBe(200)
  const long = stream(program, 'small', 400)
  await long.begun
  const other = ask(program, 'large', few)
  expect(await long.done).toMatchObject({ finish: 'length' })
  const answer = await other
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ model: 'large' })

  await program.untilState('cold')
  expect(await program.living()).toHaveLength(1)
  expect((await ask(program, 'big', few)).status).toBe(200)
  expect(program.launches().map(({ model }) => model)).toEqual(['small', 'large', 'large'])
})

/** Whatever else a manifest can say of a model: a CPU runs with it, though some of it means nothing there. */
const allElse = {
  aliases: ['big', 'great'],
  toolCallParser: 'hermes',
  dtype: 'float32',
  enableChunkedPrefill: false,
  enablePrefixCaching: false,
  disableCustomAllReduce: true,
  cpuOffloadGB: 1,
}
