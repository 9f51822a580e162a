import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import type { Terminal } from '../../../src/cli/terminal.ts'
import { fakeTerminal } from './terminals.ts'

export interface Call {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
}

type Answer = (response: ServerResponse, call: Call) => void

/** An instance that answers as told below `/proxy/`, and remembers what it was asked. */
export async function fakeInstance(answers: Readonly<Record<string, object | string | Answer>>) {
  const calls: Call[] = []
  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function serve(request: IncomingMessage, response: ServerResponse) {
    let text = ''
    for await (const part of request) text += String(part)
    const { pathname, searchParams } = new URL(request.url ?? '', url)
    const path = pathname.replace('/proxy/', '')
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const call = { path, query: Object.fromEntries(searchParams), body }
    calls.push(call)
    const answer = answers[path]
    if (typeof answer === 'function') {
      answer(response, call)
    } else if (answer === undefined) {
      response.writeHead(404)
      response.end(JSON.stringify({ error: { message: `Nothing is at ${path}.` } }))
    } else {
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    }
  }

  return {
    url,
    calls,
    /** A command line against it. */
    run: async (words: readonly string[], more: Partial<Terminal> = {}) => {
      const terminal = fakeTerminal({ VLLM_CHILL_URL: url }, false, more)
      const code = await main(['node', 'vllm-chill', ...words], terminal)
      return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
    },
  }
}
