import { describe, expect, test } from 'vitest'
import { type Wish, planAnswer } from '../../../src/simulator/answer.ts'

const wish = (changes: Partial<Wish> = {}): Wish => ({
  said: 'one two three',
  tools: [],
  toolChoice: 'auto',
  maxTokens: undefined,
  minTokens: 0,
  ignoreEos: false,
  stop: [],
  ...changes,
})

const text = (changes?: Partial<Wish>) => planAnswer('m', wish(changes), false).tokens.join('')

const weather = {
  name: 'weather',
  parameters: {
    properties: { city: { type: 'string' }, days: { type: 'integer' }, unit: { enum: ['C', 'F'] } },
    required: ['city', 'days', 'unit'],
  },
}

describe('an answer in words', () => {
  test('names the model and echoes the message', () => {
    expect(text()).toBe('[m] you said: one two three')
  })

  test('is cut at the first stop string, which it names', () => {
    const answer = planAnswer('m', wish({ stop: ['three', 'two'] }), false)
    expect(answer.tokens.join('')).toBe('[m] you said: one ')
    expect(answer).toMatchObject({ finish: 'stop', stopString: 'two' })
  })

  test('is cut at the token limit, and says so', () => {
    const answer = planAnswer('m', wish({ maxTokens: 2, stop: ['two'] }), false)
    expect(answer).toMatchObject({ tokens: ['[m]', ' you'], finish: 'length', stopString: null })
  })

  test('repeats itself up to the token limit when told to ignore its end', () => {
    const answer = planAnswer('m', wish({ said: 'x', ignoreEos: true, maxTokens: 9 }), false)
    expect(answer.tokens.join('')).toBe('[m] you said: x [m] you said: x [m]')
    expect(answer.finish).toBe('length')
  })

  test('is noise when the weights are', () => {
    expect(planAnswer('m', wish(), true).tokens.join('')).not.toContain('one')
  })
})

describe('a tool call', () => {
  test('fills the required arguments from the message, or with the least value', () => {
    const answer = planAnswer('m', wish({ tools: [weather], toolChoice: 'required' }), false)
    expect(answer).toMatchObject({ kind: 'tool', tool: 'weather' })
    expect(JSON.parse(answer.tokens.join(''))).toEqual({
      city: 'one two three',
      days: 0,
      unit: 'C',
    })
  })

  test('is made unasked only when the message names the tool', () => {
    expect(planAnswer('m', wish({ tools: [weather] }), false).kind).toBe('text')
    const said = 'what is the weather'
    expect(planAnswer('m', wish({ tools: [weather], said }), false).kind).toBe('tool')
    const none = wish({ tools: [weather], said, toolChoice: 'none' })
    expect(planAnswer('m', none, false).kind).toBe('text')
  })

  test('is of the tool that was chosen by name', () => {
    const clock = { name: 'clock', parameters: {} }
    const chosen = wish({ tools: [weather, clock], toolChoice: { name: 'clock' } })
    expect(planAnswer('m', chosen, false).tool).toBe('clock')
  })
})
