import { expect, test } from 'vitest'
import { ask, stream } from '../../integration/serve/conversation.ts'
import { memberOf, type Member } from '../group.ts'
import { until } from '../patience.ts'
import { startProgram, tiny, type Program } from './program.ts'

const few = { max_tokens: 4, ignore_eos: true }

test('when its engine or a worker is killed, nothing of it stays, and the next request starts it anew', async () => {
  const program = await startProgram({ small: tiny('small') })
  for (const [member, launches] of [
    ['VLLM::EngineCore', 1],
    ['VLLM::Worker', 2],
  ] as const) {
    expect((await ask(program, 'small', few)).status).toBe(200)
    expect(program.launches()).toHaveLength(launches)
    const long = stream(program, 'small', 400)
    await long.begun
    await kill(program, member)
    await expect(long.done).rejects.toThrow('EngineCore encountered an issue')
    await program.untilState('cold')
    await until(async () => (await program.living()).length === 1)
  }

  // Told to stop in mid-stream, the program lets the stream end, and takes everything with it.
  const long = stream(program, 'small', 400)
  await long.begun
  expect(program.launches()).toHaveLength(3)
  program.signal('SIGTERM')
  expect(await long.done).toMatchObject({ finish: 'length' })
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(await program.living()).toEqual([])
})

async function kill(program: Program, member: Member): Promise<void> {
  const front = program.launches().at(-1)?.pid ?? 0
  process.kill(await memberOf(front, member), 'SIGKILL')
}
