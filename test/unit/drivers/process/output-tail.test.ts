import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { OutputTail } from '../../../../src/drivers/process/output-tail.ts'

async function tailOf(...chunks: (string | Buffer)[]): Promise<OutputTail> {
  const tail = new OutputTail(() => {})
  const stream = new PassThrough()
  tail.follow(stream)
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  await once(stream, 'end')
  return tail
}

test('lines are put together from chunks, and the last needs no end of line', async () => {
  const { lines } = await tailOf('on', 'e\ntw', 'o\n\nthree')
  expect(lines).toEqual(['one', 'two', 'three'])
})

test('a character cut between chunks stays whole', async () => {
  const euro = Buffer.from('5 €\n')
  expect((await tailOf(euro.subarray(0, 3), euro.subarray(3))).lines).toEqual(['5 €'])
})

test('the last hundred lines are kept', async () => {
  const all = Array.from({ length: 250 }, (_, line) => `line ${line}`)
  expect((await tailOf(`${all.join('\n')}\n`)).lines).toEqual(all.slice(150))
})

test('a long line is cut, also when it never ends', async () => {
  const { lines } = await tailOf(
    `${'a'.repeat(9000)}\n`,
    ...Array.from({ length: 9 }, () => 'b'.repeat(1000)),
  )
  expect(lines.map(({ length }) => length)).toEqual([4096, 4096])
})

test('of a progress bar only what it shows in the end is kept', async () => {
  const { lines } = await tailOf('shards: 25%\r', 'shards: 50%\r', 'shards: 100%\r\nloaded\r\n')
  expect(lines).toEqual(['shards: 100%', 'loaded'])
})

test('colours and cursor movements are taken out', async () => {
  expect((await tailOf('\u001B[31mERROR\u001B[0m no GPU\n')).lines).toEqual(['ERROR no GPU'])
})

test('lines that were taken do not change', async () => {
  const tail = new OutputTail(() => {})
  const stream = new PassThrough()
  tail.follow(stream)
  stream.write('one\n')
  const taken = tail.lines
  stream.end('two\n')
  await once(stream, 'end')
  expect(taken).toEqual(['one'])
  expect(tail.lines).toEqual(['one', 'two'])
})

test('a key that vLLM repeats is not kept', async () => {
  const { lines } = await tailOf("non-default args: {'api_key': ['sk-1', 'sk-2'], 'port': 8000}\n")
  expect(lines).toEqual(["non-default args: {'api_key': '(not shown)', 'port': 8000}"])
})
