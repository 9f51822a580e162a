import { describe, expect, it } from 'vitest'
import { changeInWords, changesOf } from '../../../src/installation/difference.ts'

const lines = (before: object, after: object) => changesOf(before, after).map(changeInWords)

describe('the difference of two states of an object', () => {
  it('is every field that was changed, came or went', () => {
    const before = { spec: { replicas: 1, paused: true, image: 'a' } }
    const after = { spec: { replicas: 2, image: 'a', strategy: { type: 'Recreate' } } }
    expect(lines(before, after)).toEqual([
      '~ spec.replicas: 1 → 2',
      '- spec.paused: true',
      '+ spec.strategy: {"type":"Recreate"}',
    ])
  })

  it('names the items of a list where they have names, and counts them elsewhere', () => {
    const before = { containers: [{ name: 'vllm', image: 'a' }], args: ['x', 'y'] }
    const after = {
      containers: [{ name: 'side' }, { name: 'vllm', image: 'b' }],
      args: ['x', 'z'],
    }
    expect(lines(before, after)).toEqual([
      '~ containers[vllm].image: a → b',
      '+ containers[side]: {"name":"side"}',
      '~ args[1]: y → z',
    ])
  })

  it('does not mind the order of keys, nor what only the server writes', () => {
    const before = {
      metadata: { name: 'a', uid: '1', resourceVersion: '3', managedFields: [{}], generation: 2 },
      status: { ready: true },
      spec: { a: 1, b: {} },
    }
    const after = { spec: { a: 1 }, metadata: { name: 'a', annotations: {} } }
    expect(lines(before, after)).toEqual([])
  })

  it('is short where a value is long', () => {
    const [line = ''] = lines({}, { data: { text: 'x'.repeat(5000) } })
    expect(line.length).toBeLessThan(200)
  })
})
