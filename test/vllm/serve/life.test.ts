import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ask, openai, saying, stream } from '../../integration/serve/conversation.ts'
import { until } from '../../integration/serve/log-lines.ts'
import { python, vllmEnvironment } from '../environment/cache.ts'
import { startProgram, tiny } from './program.ts'

const few = { max_tokens: 4, ignore_eos: true }

test('whoever asks during the cold start is held and answered, by SDKs too, streaming or not', async () => {
  const program = await startProgram({ small: tiny('small') })
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask(program, 'small', few)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(program.launches()).toHaveLength(1)

  const long = stream(program, 'small', 40)
  expect(await long.done).toMatchObject({ finish: 'length' })
  const whole = await openai(program).chat.completions.create({
    model: 'small',
    messages: saying('hi'),
    ...few,
  })
  expect(whole).toMatchObject({ model: 'small', usage: { completion_tokens: 4 } })
  expect(await askInPython(program.url)).toMatch(/^4 length$/)
})

/** Usage and end of a stream, as the Python SDK of the environment sees them. */
async function askInPython(url: string): Promise<string> {
  const script = `
import sys
from openai import OpenAI
end, usage = None, None
stream = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0).chat.completions.create(
    model="small", messages=[{"role": "user", "content": "hi"}], stream=True, max_tokens=4,
    stream_options={"include_usage": True}, extra_body={"ignore_eos": True})
for chunk in stream:
    end = chunk.choices[0].finish_reason if chunk.choices else end
    usage = chunk.usage or usage
print(usage.completion_tokens, end)
`
  const asked = promisify(execFile)(python, ['-c', script, `${url}/v1`], { env: vllmEnvironment })
  return (await asked).stdout.trim()
}

test('a stream is not cut by a switch, an idle model goes and comes back', async () => {
  const program = await startProgram(
    { small: tiny('small'), large: tiny('large', { idleTimeout: '2s' }) },
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
  expect((await ask(program, 'large', few)).status).toBe(200)
  expect(program.launches().map(({ model }) => model)).toEqual(['small', 'large', 'large'])
})

test('when its engine is killed, nothing of it stays, and the next request starts it anew', async () => {
  const program = await startProgram({ small: tiny('small') })
  expect((await ask(program, 'small', few)).status).toBe(200)
  const before = await program.living()
  const engine = await pidNamed(before, 'EngineCore')
  expect(engine).toBeDefined()
  process.kill(engine as number, 'SIGKILL')
  await program.untilState('cold')
  await until(async () => (await program.living()).length === 1)

  expect((await ask(program, 'small', few)).status).toBe(200)
  expect(program.launches()).toHaveLength(2)

  // Told to stop in mid-stream, the program lets the stream end, and takes everything with it.
  const long = stream(program, 'small', 400)
  await long.begun
  program.signal('SIGTERM')
  expect(await long.done).toMatchObject({ finish: 'length' })
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(await program.living()).toEqual([])
})

async function pidNamed(pids: readonly number[], name: string): Promise<number | undefined> {
  for (const pid of pids) {
    if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(name)) return pid
  }
  return undefined
}
