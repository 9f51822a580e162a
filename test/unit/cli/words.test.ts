import { describe, expect, it } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { follow } from '../../../src/cli/follow.ts'
import { nodeComplaint, oldestNode } from '../../../src/cli/node-version.ts'
import { inWords, table } from '../../../src/cli/table.ts'
import { backendStatus } from '../operations/fakes.ts'
import { fakeTerminal } from './terminals.ts'

describe('the Node that runs it', () => {
  it.each(['v22.19.0', '22.20.1', 'v23.0.0', 'v24.21.0', 'v100.0.0'])('%s will do', (version) => {
    expect(nodeComplaint(version)).toBeUndefined()
  })

  it.each(['v0.12.18', 'v18.0.0', 'v20.20.2', 'v22.18.0'])('%s is too old', (version) => {
    expect(nodeComplaint(version)).toContain(
      `vllm-chill needs Node 22.19 or newer; this is ${version}.\n`,
    )
  })

  it('is the one that package.json asks for', () => {
    expect(manifest.engines.node).toBe(`>=${oldestNode.major}.${oldestNode.minor}`)
  })
})

describe('durations', () => {
  it.each([
    [-5, '0 ms'],
    [850, '850 ms'],
    [34_400, '34 s'],
    [300_000, '5 min'],
    [312_000, '5 min 12 s'],
    [11_040_000, '3 h 4 min'],
    [176_400_000, '2 d 1 h'],
  ])('%d ms is %s', (ms, words) => {
    expect(inWords(ms)).toBe(words)
  })
})

describe('tables', () => {
  it('align their columns and end no line in spaces', () => {
    expect(table(['A', 'LONG'], [['wide cell', 'x']])).toBe('A          LONG\nwide cell  x')
  })
})

describe('following a command', () => {
  const answer = (backends: ReturnType<typeof backendStatus>[], shuttingDown = false) => ({
    version: '1',
    startedAt: '',
    shuttingDown,
    backends,
    problems: [],
  })
  const goal = {
    concerns: () => true,
    reached: (backends: readonly { state: string }[]) => backends[0]?.state === 'cold',
  }

  it('writes over one line on a terminal and leaves it empty', async () => {
    const steps = ['ready.serving', 'idle.scalingDown', 'cold'].map((state) =>
      answer([backendStatus({ state })]),
    )
    const terminal = fakeTerminal({}, true)
    const status = async () => steps.shift() ?? answer([])
    await follow({ status }, goal, answer([]), terminal)
    expect(terminal.said).toEqual([
      '\rgpu0: ready.serving',
      '\rgpu0: idle.scalingDown',
      `\r${' '.repeat(22)}\r`,
    ])
  })

  it('never fills the line, as it could not be written over then', async () => {
    const because = 'shard 2 of 4 from a very slow disk'
    const progress = { phase: 'loading', detail: because, elapsedMs: 1000 }
    const steps = [
      answer([backendStatus({ state: 'scalingUp', progress })]),
      answer([backendStatus()]),
    ]
    const terminal = fakeTerminal({}, true, { sayColumns: () => 30 })
    const status = async () => steps.shift() ?? answer([])
    await follow({ status }, goal, answer([]), terminal)
    expect(terminal.said).toEqual(['\rgpu0: scalingUp, loading 1 s…', `\r${' '.repeat(29)}\r`])
  })

  it('fails when the backends rest and none of them turns to the model any more', async () => {
    const wanted = { model: 'b', concerns: () => false, reached: () => false }
    const busy = answer([backendStatus({ state: 'idle.scalingDown', model: 'a' })])
    const resting = answer([backendStatus({ state: 'ready.quiet', model: 'a' })])
    let looks = 0
    // For as long as one is on its way to anywhere, it may still come.
    const status = async () => (looks++ < 50 ? busy : resting)
    await expect(follow({ status }, wanted, busy, fakeTerminal())).rejects.toThrow(
      /^No backend turns to b; another command .*\ngpu0: ready\.quiet$/,
    )
    expect(looks).toBe(70)
  })

  it('leaves the line empty and says what goes on at Ctrl-C', async () => {
    const working = answer([backendStatus({ state: 'scalingUp' })])
    const terminal = fakeTerminal({}, true)
    const status = async () => {
      if (terminal.said.length > 0) terminal.interrupt()
      return working
    }
    const following = follow({ status }, goal, working, terminal)
    await expect(following).rejects.toMatchObject({
      exitCode: 130,
      message: expect.stringContaining('goes on') as string,
    })
    expect(terminal.said.at(-1)).toBe(`\r${' '.repeat(15)}\r`)
  })

  it('names who blocks a drain once, elsewhere', async () => {
    const blocking = [{ id: 'req-1', path: '/v1/completions', model: 'a', sinceMs: 2000 }]
    const draining = answer([backendStatus({ state: 'switchingModel.draining', blocking })])
    const steps = [draining, draining, answer([backendStatus()])]
    const terminal = fakeTerminal()
    await follow({ status: async () => steps.shift() ?? draining }, goal, draining, terminal)
    expect(terminal.said).toEqual([
      'gpu0: switchingModel.draining\n',
      'gpu0 waits for request req-1 (/v1/completions, a), running for 2 s\n',
    ])
  })

  it('ends when the instance shuts down', async () => {
    const status = async () => answer([backendStatus({ state: 'scalingUp' })], true)
    const following = follow({ status }, goal, answer([]), fakeTerminal())
    await expect(following).rejects.toThrow('shutting down')
  })
})
