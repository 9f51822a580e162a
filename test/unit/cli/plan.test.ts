import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './terminals.ts'

const examples = new URL('../../../examples/', import.meta.url).pathname
const models = join(examples, 'demo/models')

/** The words of a command line, in parts that belong together. */
async function planning(...parts: (string | readonly string[])[]) {
  const terminal = fakeTerminal()
  const words = parts.flat()
  const code = await main(['node', 'vllm-chill', 'plan', ...words], terminal)
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

function traceOf(...lines: object[]): string {
  const file = join(mkdtempSync(join(tmpdir(), 'plan-')), 'trace.jsonl')
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return file
}

const requests = Array.from({ length: 40 }, (_, i) => ({
  at: 20 * i,
  model: i % 2 === 0 ? 'qwen3-coder' : 'deepseek-r1-fp8',
  durationMs: 3_000,
}))

describe('vllm-chill plan', () => {
  it('shows each policy, each model and what it suggests, with the reason', async () => {
    const { code, printed } = await planning(
      ['--trace', traceOf(...requests), '--models', models],
      ['--load-seconds', 'qwen3-coder=12', '--load-seconds', 'deepseek-r1-fp8=8.5'],
      ['--gpu-weight', '0'],
    )
    expect(code).toBe(0)
    expect(printed).toContain('40 requests for 2 models in 13 min')
    expect(printed).toContain('qwen3-coder-30b-fp8 12 s (as given)')
    for (const policy of ['fair', 'patient', 'fifo', 'sticky']) {
      expect(printed).toMatch(new RegExp(`^${policy} .* min$`, 'm'))
    }
    expect(printed).toMatch(/^qwen3-coder-30b-fp8 +20 /m)
    expect(printed).toMatch(/backends: 2 instead of 1 \(waiting and loading/)
  })

  it('plays the office day of the examples, whose loads are a guess, and prints JSON', async () => {
    const { code, printed } = await planning(
      ['--trace', join(examples, 'traces/office-day.jsonl'), '--models', models],
      ['--time-limit', '1ms', '--json'],
    )
    expect(code).toBe(0)
    const told = JSON.parse(printed) as {
      trace: { requests: number }
      models: { model: string; source: string }[]
      policies: { waits: { requests: number } }[]
      cutShort: boolean
    }
    expect(told.trace.requests).toBeGreaterThan(2_000)
    expect(told.models.map(({ source }) => source)).toEqual(['guessed', 'guessed'])
    for (const { waits } of told.policies) expect(waits.requests).toBe(told.trace.requests)
    expect(told.cutShort).toBe(true)
  })

  it('plays under what a configuration says is in force, with names and aliases', async () => {
    const config = join(mkdtempSync(join(tmpdir(), 'plan-')), 'vllm-chill.yaml')
    const keepWarm = [{ model: 'qwen3-coder', cron: '0 7 * * 1', for: '10h', timeZone: 'UTC' }]
    const pinned = ['qwen3-coder']
    writeFileSync(config, JSON.stringify({ models, keepWarm, pinned, loadingWeight: 3 }))
    const { code, printed } = await planning(
      ['--trace', traceOf(...requests), '--config', config],
      ['--time-limit', '1ms', '--json'],
    )
    expect(code).toBe(0)
    const { present } = JSON.parse(printed) as { present: { loads: number } }
    expect(present.loads).toBe(1)
  })

  it('says what is wrong with a trace, and where', async () => {
    const wrong = traceOf(requests[0]!, { at: 1, model: 'gpt-4', durationMs: 1 })
    const { code, said } = await planning('--trace', wrong, '--models', models)
    expect(code).toBe(1)
    expect(said).toContain('line 2: no manifest names model gpt-4; known: deepseek-r1-fp8, qwen3')
    const missing = await planning('--trace', '/nowhere.jsonl', '--models', models)
    expect(missing).toMatchObject({ code: 1, said: expect.stringContaining('does not exist') })
  })

  it.each([
    [[], '--trace FILE'],
    [['--trace', 'x', '--load-seconds', 'gpt-4=3', '--models', models], 'expected MODEL=SECONDS'],
    [['--trace', 'x', '--gpus', '0', '--models', models], '--gpus: expected a number over 0'],
    [['--trace', 'x'], 'plan needs --models DIR'],
    [['--trace', 'x', '--models', models, '--time-limit', 'soon'], '--time-limit: expected'],
  ])('does not understand %j', async (words, why) => {
    const trace = traceOf(requests[0]!)
    const { code, said } = await planning(words.map((word) => (word === 'x' ? trace : word)))
    expect(said).toContain(why)
    expect(code).toBe(2)
  })
})
