import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { readServerEvents, type ServerEvent } from '../../../src/page/browser/server-events.ts'
import { yamlOf } from '../../../src/page/browser/yaml.ts'

async function eventsOf(...chunks: string[]) {
  const events: ServerEvent[] = []
  const comments: string[] = []
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })
  await readServerEvents(body, {
    onEvent: (event) => events.push(event),
    onComment: (comment) => comments.push(comment),
  })
  return { events, comments }
}

it('events are read wherever the line is cut', async () => {
  const text =
    ': still here\n\nid: 7-1\nevent: hello\ndata: {"a":1}\n\ndata: one\r\ndata: two\r\n\r\n'
  const wanted = {
    events: [
      { type: 'hello', data: '{"a":1}', id: '7-1' },
      { type: 'message', data: 'one\ntwo', id: undefined },
    ],
    comments: ['still here'],
  }
  expect(await eventsOf(text)).toEqual(wanted)
  expect(await eventsOf(...text.split(''))).toEqual(wanted)
})

it('an event that was cut off is none', async () => {
  expect((await eventsOf('event: hello\ndata: {}\n')).events).toEqual([])
})

it('a manifest is YAML that means the same', () => {
  const manifest = {
    metadata: { name: 'a', labels: {} },
    spec: {
      extraArgs: ['--a', 'yes', '1', 'b: c', '', '# no comment'],
      nested: [{ name: 'x', value: 'true' }, { list: [] }],
      number: 0.9,
      flag: false,
      nothing: null,
      text: 'two\nlines',
    },
  }
  expect(parse(yamlOf(manifest))).toEqual(manifest)
})
