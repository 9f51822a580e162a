import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ask, openai, saying, stream } from '../../integration/serve/conversation.ts'
import { python, vllmEnvironment } from '../environment/cache.ts'
import { startProgram, tiny } from './program.ts'

const few = { max_tokens: 4, ignore_eos: true }

test('whoever asks during the cold start is held and answered, by both SDKs, streaming or not', async () => {
  const program = await startProgram({ small: tiny('small') })
  const answers = Array.from({ length: 5 }, () => ask(program, 'small', few))
  const whole = openai(program).chat.completions.create({
    model: 'small',
    messages: saying('hi'),
    ...few,
  })
  const streamed = stream(program, 'small', 40).done
  const inPython = [false, true].map((streams) => askInPython(program.url, streams))

  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(5).fill(200))
  expect(await whole).toMatchObject({ model: 'small', usage: { completion_tokens: 4 } })
  expect(await streamed).toMatchObject({ finish: 'length' })
  expect(await Promise.all(inPython)).toEqual(['4 length', '4 length'])
  expect(program.launches()).toHaveLength(1)
})

/** Tokens and end of an answer, as the Python SDK of the environment sees them. */
async function askInPython(url: string, streams: boolean): Promise<string> {
  const words = ['-c', streams ? readStream : readWhole, `${url}/v1`]
  const asked = await promisify(execFile)(python, words, { env: vllmEnvironment })
  return asked.stdout.trim()
}

const request = `
import sys
from openai import OpenAI
client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
request = dict(model="small", messages=[{"role": "user", "content": "hi"}], max_tokens=4,
               extra_body={"ignore_eos": True})
`

const readWhole = `${request}
answer = client.chat.completions.create(**request)
print(answer.usage.completion_tokens, answer.choices[0].finish_reason)
`

const readStream = `${request}
end, usage = None, None
for chunk in client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}):
    end = chunk.choices[0].finish_reason if chunk.choices else end
    usage = chunk.usage or usage
print(usage.completion_tokens, end)
`
