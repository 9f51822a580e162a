import { describe, expect, test } from 'vitest'
import { endsWithToolResult, readConversation } from '../../../src/simulator/conversation.ts'

describe('what was said last', () => {
  test.each([
    ['text', [{ role: 'user', content: 'a' }, { content: 'b c' }], 'b c'],
    [
      'text parts, without pictures',
      [{ content: [{ text: 'a' }, { image_url: {} }, { text: 'b' }] }],
      'a b',
    ],
    ['a tool result of Anthropic', [{ content: [{ type: 'tool_result', content: 'x' }] }], 'x'],
    ['a tool result of Responses', [{ type: 'function_call_output', output: 'x' }], 'x'],
    ['a bare string', ['hi'], 'hi'],
    ['nothing', [], ''],
    ['no content', [{ role: 'assistant', content: null }], ''],
  ])('is read from %s', (_, messages, said) => {
    expect(readConversation(messages).said).toBe(said)
  })
})

test('every message counts, and what stands before them', () => {
  expect(readConversation([{ content: 'a b' }, { content: 'c' }], 'd e').promptTokens).toBe(5)
})

test.each([
  [true, [{ role: 'tool', content: 'x' }]],
  [true, [{ type: 'function_call_output', output: 'x' }]],
  [true, [{ role: 'user', content: [{ type: 'tool_result', content: 'x' }] }]],
  [
    false,
    [
      { role: 'tool', content: 'x' },
      { role: 'user', content: 'y' },
    ],
  ],
  [false, ['x']],
])('it is %s that a tool has answered in %j', (expected, messages) => {
  expect(endsWithToolResult(messages)).toBe(expected)
})
