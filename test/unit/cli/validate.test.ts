import { describe, expect, it } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './terminals.ts'

const demo = 'examples/demo/models'

async function run(words: string[]) {
  const terminal = fakeTerminal()
  const code = await main(['node', 'vllm-chill', ...words], terminal)
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

describe('validate', () => {
  it('lists the models of a folder and is content', async () => {
    const { code, printed } = await run(['validate', demo])
    expect(code).toBe(0)
    expect(printed).toMatch(/^ok +examples\/demo\/models\/deepseek-r1-fp8\.yaml/m)
    expect(JSON.parse((await run(['validate', demo, '--json'])).printed).models).toHaveLength(2)
  })

  it('fails with the reason for a file that is not there', async () => {
    const { code, printed } = await run(['validate', 'nowhere.yaml'])
    expect(code).toBe(1)
    expect(printed).toMatch(/^problem +.*nowhere\.yaml/m)
  })

  it('needs something to look at', async () => {
    expect((await run(['validate'])).code).toBe(2)
  })
})
