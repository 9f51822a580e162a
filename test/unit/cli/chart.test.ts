import { describe, expect, it } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './terminals.ts'

async function chart(...words: string[]) {
  const terminal = fakeTerminal({ VLLM_CHILL_URL: 'http://127.0.0.1:1' })
  const code = await main(['node', 'vllm-chill', 'chart', ...words], terminal)
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

describe('vllm-chill chart', () => {
  it('prints the chart of a backend as a tree, with no instance running', async () => {
    const { code, printed } = await chart('--width', '60')
    expect(code).toBe(0)
    expect(printed).toMatch(/^backend\n/)
    expect(printed).toContain('│  ├─ ● serving\n')
    expect(Math.max(...printed.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60)
  })

  it.each([
    ['svg', /^<svg .*data-chart="fleet"/],
    ['mermaid', /^stateDiagram-v2\n/],
    ['json', /^\{\n {2}"id": "fleet",/],
    ['ascii', /^fleet\n/],
  ])('prints any chart as %s', async (format, beginning) => {
    expect(await chart('fleet', '--format', format)).toMatchObject({
      code: 0,
      printed: expect.stringMatching(beginning),
    })
  })

  it.each([
    [['engine'], 'no chart "engine"; there is backend, fleet'],
    [['--format', 'png'], 'no format "png"; there is ascii, mermaid, svg, json'],
    [['--width', 'wide'], '--width takes a number of columns, not "wide"'],
  ])('says what there is instead of %j', async (words, message) => {
    expect(await chart(...words)).toMatchObject({
      code: 2,
      said: expect.stringContaining(message),
    })
  })
})
