import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnswerTail } from '../../../src/proxy/answer-tail.ts'

const event = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`
const token = (text: string) => event({ id: 'c', choices: [{ delta: { content: text } }] })
const chatUsage = { prompt_tokens: 12, total_tokens: 46, completion_tokens: 34 }
const found = { promptTokens: 12, completionTokens: 34, cachedTokens: undefined }

function usageOf(...chunks: readonly (string | Buffer)[]) {
  const tail = new AnswerTail()
  for (const chunk of chunks) tail.data(Buffer.from(chunk))
  return tail.usage()
}

describe('the end of an answer tells its usage', () => {
  const long = 'word '.repeat(20_000)
  it.each([
    [
      'of a whole chat',
      [
        JSON.stringify({
          choices: [{ message: { content: long } }],
          usage: { ...chatUsage, prompt_tokens_details: null },
          prompt_logprobs: null,
          kv_transfer_params: null,
        }),
      ],
      found,
    ],
    [
      'with what was found in the cache',
      [JSON.stringify({ usage: { ...chatUsage, prompt_tokens_details: { cached_tokens: 8 } } })],
      { ...found, cachedTokens: 8 },
    ],
    [
      'of a streamed chat',
      [token('a'), token('b'), event({ choices: [], usage: chatUsage }), 'data: [DONE]\n\n'],
      found,
    ],
    [
      'of a stream that counts all the time, by its last count',
      [
        event({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 33 } }) +
          event({ choices: [], usage: chatUsage }) +
          event({ choices: [], usage: null }),
        'data: [DONE]\n\n',
      ],
      found,
    ],
    [
      'of a streamed response, whose last event has all of it again',
      [
        `event: response.completed\n${event({
          type: 'response.completed',
          response: {
            output: [{ text: long }],
            truncation: 'disabled',
            usage: {
              input_tokens: 12,
              input_tokens_details: { cached_tokens: 4 },
              output_tokens: 34,
              output_tokens_details: { reasoning_tokens: 3 },
              total_tokens: 46,
            },
            user: null,
          },
        })}`,
      ],
      { ...found, cachedTokens: 4 },
    ],
    [
      'of a streamed message',
      [
        `event: message_delta\n${event({ usage: { input_tokens: 12, output_tokens: 34 } })}`,
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
      ],
      found,
    ],
    [
      'of embeddings, which complete nothing',
      [JSON.stringify({ data: [long], usage: { prompt_tokens: 12, total_tokens: 12 } })],
      { ...found, completionTokens: undefined },
    ],
    ['also with spaces', ['{"usage" : { "prompt_tokens" : 12, "completion_tokens": 34 } }'], found],
  ])('%s', (_, chunks, usage) => {
    expect(usageOf(...chunks)).toEqual(usage)
  })

  it('in however many pieces it comes', () => {
    const answer = [token('x'.repeat(3000)), event({ choices: [], usage: chatUsage })].join('')
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: answer.length - 1 })), (cuts) => {
        const ends = [...new Set(cuts.slice(0, 3)), answer.length].toSorted((a, b) => a - b)
        const pieces = ends.map((end, i) => answer.slice(ends[i - 1] ?? 0, end))
        expect(usageOf(...pieces)).toEqual(found)
      }),
    )
  })
})

describe('where nothing is told', () => {
  it.each([
    ['an answer without it', [token('a'), 'data: [DONE]\n\n']],
    ['none at all', []],
    ['seconds of speech', ['{"text":"a","usage":{"type":"duration","seconds":3}}']],
    ['an error', ['{"error":{"message":"usage"}}']],
    ['something compressed', [Buffer.from([0x1f, 0x8b, 0x08, 0x22, 0x75, 0xff])]],
    ['half of it', ['{"usage"']],
    [
      'what a model says about it',
      [
        JSON.stringify({
          choices: [{ text: '{"usage":{"prompt_tokens":1,"completion_tokens":2}}' }],
        }),
      ],
    ],
  ])('%s has no usage', (_, chunks) => {
    expect(usageOf(...chunks)).toBeUndefined()
  })

  it('whatever the bytes are, nothing but numbers is read from them', () => {
    const word = fc.constantFrom('"usage":', '{', '"prompt_tokens":', '12', '}', '"', '\\', 'é')
    const piece = fc.oneof(
      fc.array(word).map((words) => words.join('')),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const usage = usageOf(...pieces)
        for (const value of Object.values(usage ?? {})) {
          expect(value === undefined || Number.isSafeInteger(value)).toBe(true)
        }
      }),
    )
  })
})

it('keeps only the last few kB', () => {
  const far = JSON.stringify({ usage: chatUsage, after: 'x'.repeat(4000) })
  expect(usageOf(far)).toBeUndefined()
})
