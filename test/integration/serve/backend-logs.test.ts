import { expect, onTestFinished, test } from 'vitest'
import { ask } from './conversation.ts'
import { startProgram, type Program } from './program.ts'

async function readLog({ url }: Program, query: string): Promise<string[]> {
  const answer = await fetch(`${url}/proxy/backends/logs${query}`)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  return (await answer.text()).split('\n').slice(0, -1)
}

/** Reads on, until something is among the lines. */
async function follow({ url }: Program, query = '') {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const { signal } = leaving
  const answer = await fetch(`${url}/proxy/backends/logs?follow=true${query}`, { signal })
  expect(answer.status).toBe(200)
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    async until(words: string): Promise<string> {
      while (!text.includes(words)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`${words} is not in ${text}`)
        text += value
      }
      return text
    },
    async end(): Promise<string> {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return text
        text += value
      }
    },
  }
}

test('the last lines that a backend wrote itself, and those that come', async () => {
  const program = await startProgram()
  expect(await readLog(program, '')).toEqual([])
  const following = await follow(program)
  await ask(program, 'a')
  await following.until('Application startup complete.')
  const lines = await readLog(program, '?backend=vllm&lines=1000')
  expect(lines.at(-1)).toContain('Application startup complete.')
  expect(await readLog(program, '?lines=2')).toEqual(lines.slice(-2))
  // Also those of a next start.
  await ask(program, 'b')
  expect(await following.until('Starting to load model org/b')).toContain('org/a')
  program.signal('SIGTERM')
  expect(await following.end()).toContain('Shutting down')
})

test('a backend that nobody has, and numbers that are none, are refused', async () => {
  const program = await startProgram()
  for (const query of ['?backend=gpu9', '?lines=many', '?follow=perhaps']) {
    const answer = await fetch(`${program.url}/proxy/backends/logs${query}`)
    expect([query, answer.status]).toEqual([query, 400])
  }
})
