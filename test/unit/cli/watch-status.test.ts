import stringWidth from 'string-width'
import { describe, expect, it, onTestFinished } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { ChillError } from '../../../src/errors/index.ts'
import { backendStatus, FakeFleet, serveOperations } from '../operations/fakes.ts'
import { FakeEvents } from './fake-events.ts'
import { FakeScreen, fakeTerminal } from './terminals.ts'
import { unusedUrl } from './unused-url.ts'

const enter = '\u001B[?1049h'
const leave = '\u001B[?1049l'

interface Wanted {
  readonly words?: readonly string[]
  readonly screen?: FakeScreen
  readonly env?: Record<string, string>
  readonly events?: FakeEvents
}

/** `status --watch`, until the test is over. */
async function watch({ words = [], screen, env = {}, events = new FakeEvents() }: Wanted = {}) {
  const fleet = new FakeFleet()
  fleet.backends = [backendStatus({ state: 'ready.quiet', model: 'qwen3' })]
  const { url } = await serveOperations({ fleet, events })
  const terminal = fakeTerminal({ VLLM_CHILL_URL: url, ...env }, false, { screen })
  const printed = {
    /** Once so many things are printed. */
    async count(count: number) {
      while (terminal.printed.length < count) await new Promise((resolve) => setImmediate(resolve))
      return terminal.printed
    },
  }
  const over = main(['node', 'vllm-chill', 'status', '--watch', ...words], terminal)
  onTestFinished(async () => {
    terminal.interrupt()
    await over
  })
  return { fleet, events, terminal, over, printed }
}

const draining = backendStatus({
  state: 'switchingModel.draining',
  model: 'qwen3',
  target: 'deepseek',
  because: 'deepseek waits',
  leases: 1,
  waiting: [{ model: 'deepseek', count: 3, bytes: 10, oldestMs: 9000 }],
  blocking: [{ id: 'req-7', path: '/v1/chat/completions', model: 'qwen3', sinceMs: 61_000 }],
  progress: { phase: 'draining', elapsedMs: 9000, usualMs: 20_000 },
})

describe('status --watch on a terminal', () => {
  it('takes the screen, shows each change in its place and gives the screen back', async () => {
    const screen = new FakeScreen(120)
    const { events, terminal, over } = await watch({ screen })
    await screen.shows(/gpu0 +ready\.quiet +qwen3/)
    expect(screen.written.startsWith(enter)).toBe(true)
    await events.opened()
    events.tell({ type: 'snapshot', backend: draining })
    await screen.shows(/gpu0 +switchingModel\.draining, draining 9 s of ~20 s +qwen3 → deepseek/)
    expect(screen.lines.filter((line) => line.startsWith('gpu0 '))).toHaveLength(2)
    terminal.interrupt()
    expect(await over).toBe(130)
    expect(screen.written.endsWith(leave)).toBe(true)
    expect(screen.listeners).toBe(0)
    expect(terminal.printed).toEqual([])
  })

  it.each([20, 40, 60])('never fills more than the %d columns there are', async (columns) => {
    const screen = new FakeScreen(columns, 60)
    const { events } = await watch({ screen })
    await events.opened()
    events.tell({ type: 'snapshot', backend: draining })
    await screen.shows('switch')
    expect(screen.lines.join('\n')).toContain('req-7')
    for (const line of screen.lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
  })

  it('at 40 columns still names backend, state, model and who waits', async () => {
    const screen = new FakeScreen(40)
    const { events } = await watch({ screen })
    await events.opened()
    events.tell({ type: 'snapshot', backend: draining })
    await screen.shows('switchingM')
    expect(screen.lines).toContain('BACKEND  STATE         MODEL     WAITING')
  })

  it('is drawn anew when the window changes, and counts what has no place below', async () => {
    const screen = new FakeScreen(120, 5)
    const { events } = await watch({ screen })
    await events.opened()
    events.tell({ type: 'snapshot', backend: draining })
    await screen.shows(/deepseek waits/)
    screen.resize(30)
    expect(screen.lines).toHaveLength(5)
    expect(screen.lines.at(-1)).toMatch(/^… \d+ more$/)
    for (const line of screen.lines) expect(stringWidth(line)).toBeLessThanOrEqual(30)
  })

  it('gives the screen back at Ctrl-Z, draws nothing meanwhile, and takes it again', async () => {
    const screen = new FakeScreen(120)
    const { terminal } = await watch({ screen })
    await screen.shows('gpu0')
    screen.suspend()
    expect(screen.written.endsWith(leave)).toBe(true)
    terminal.tick()
    screen.resize(60)
    expect(screen.written.endsWith(leave)).toBe(true)
    screen.resume()
    expect(screen.written.split(enter)).toHaveLength(3)
    await screen.shows('gpu0')
  })

  it('lets durations grow while nothing happens', async () => {
    const screen = new FakeScreen(120)
    const { events, terminal } = await watch({ screen })
    await events.opened()
    const since = new Date(Date.parse(events.at) - 3_600_000).toISOString()
    events.tell({ type: 'snapshot', backend: { ...draining, since } })
    await screen.shows('1 h')
    const drawn = screen.written.length
    terminal.tick()
    expect(screen.written.length).toBeGreaterThan(drawn)
  })

  it('colours states, but not with NO_COLOR', async () => {
    const coloured = new FakeScreen(120)
    await watch({ screen: coloured })
    await coloured.shows('ready')
    expect(coloured.written).toContain('\u001B[32mready.quiet')
    const plain = new FakeScreen(120)
    await watch({ screen: plain, env: { NO_COLOR: '1' } })
    await plain.shows('ready')
    // oxlint-disable-next-line eslint/no-control-regex -- that is what is looked for
    expect(plain.written).not.toMatch(/\u001B\[\d+m/)
  })

  it('lets no name of others steer the terminal', async () => {
    const screen = new FakeScreen(120)
    const { events } = await watch({ screen })
    await events.opened()
    const evil = '\u001B]0;owned\u0007\u001B[2Jqwen'
    events.tell({ type: 'snapshot', backend: backendStatus({ model: evil, because: evil }) })
    await screen.shows(/cold +qwen/)
    expect(screen.written).not.toContain('owned')
    expect(screen.written).not.toContain('\u001B[2J')
  })

  it('says that the connection is lost, goes on trying, and shows the new start', async () => {
    const screen = new FakeScreen(120)
    const { events, fleet } = await watch({ screen })
    await events.opened()
    events.tell({ type: 'goodbye' })
    await screen.shows('shutting down')
    fleet.backends = [backendStatus({ name: 'gpu1' })]
    events.backends = ['gpu1']
    events.end()
    await screen.shows('has shut down. Trying again.')
    await events.opened()
    events.tell({ type: 'snapshot', backend: backendStatus({ name: 'gpu1' }) })
    await screen.shows('gpu1')
    expect(screen.lines.join('\n')).not.toMatch(/gpu0|Trying again/)
  })
})

describe('status --watch in a pipe', () => {
  it('prints one more table after each change, without escape codes', async () => {
    const { events, printed, over, terminal } = await watch()
    await events.opened()
    events.tell({ type: 'snapshot', backend: draining })
    // The same but for what passes by itself.
    const later = { phase: 'draining', elapsedMs: 9900, usualMs: 20_000 }
    events.tell({ type: 'snapshot', backend: { ...draining, progress: later } })
    events.tell({ type: 'snapshot', backend: backendStatus() })
    const [first, second, third] = await printed.count(3)
    expect(first).toMatch(/gpu0 +ready\.quiet/)
    expect(second).toMatch(/gpu0 +switchingModel\.draining, draining 9 s/)
    expect(third).toMatch(/gpu0 +cold/)
    expect(terminal.printed.join('')).not.toContain('\u001B')
    terminal.interrupt()
    expect(await over).toBe(130)
  })

  it('--json prints a line for each', async () => {
    const { events, printed } = await watch({ words: ['--json'], screen: new FakeScreen(40) })
    await events.opened()
    events.tell({ type: 'snapshot', backend: draining })
    const lines = await printed.count(2)
    expect(lines.map((line) => JSON.parse(line).backends[0].state)).toEqual([
      'ready.quiet',
      'switchingModel.draining',
    ])
  })

  it('says beside it that the connection is lost', async () => {
    const { events, terminal } = await watch()
    await events.opened()
    events.end()
    await events.opened()
    expect(terminal.said).toEqual([
      expect.stringMatching(/^vllm-chill: http.* has ended the connection\. Trying again\.\n$/),
    ])
  })

  it('shows manifests that need mending', async () => {
    const { events, printed } = await watch()
    await events.opened()
    events.tell({ type: 'models', models: [], problems: [{ source: 'x.yaml', message: 'is bad' }] })
    expect((await printed.count(2))[1]).toContain('x.yaml: is bad')
  })
})

describe('status --watch where no events are told', () => {
  it.each(['not_found', 'queue_full'] as const)(
    'asks for the status again and again: %s',
    async (code) => {
      const events = new FakeEvents()
      events.open = () => {
        throw new ChillError(code, 'no events')
      }
      const { fleet, printed, terminal } = await watch({ events })
      await printed.count(1)
      fleet.backends = [draining]
      expect((await printed.count(2))[1]).toContain('switchingModel.draining')
      expect(terminal.said).toEqual([])
    },
  )

  it('says that it gets no answer, and shows the next that it gets', async () => {
    const events = new FakeEvents()
    events.open = () => {
      throw new ChillError('not_found', 'no events')
    }
    const { fleet, printed, terminal } = await watch({ events })
    await printed.count(1)
    fleet.onStatus = () => {
      throw new ChillError('shutting_down', 'It is ending.')
    }
    while (terminal.said.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(terminal.said).toEqual(['vllm-chill: It is ending. Trying again.\n'])
    fleet.onStatus = undefined
    fleet.backends = [draining]
    expect((await printed.count(2))[1]).toContain('switchingModel.draining')
  })

  it('fails at once where nothing listens', async () => {
    const terminal = fakeTerminal({ VLLM_CHILL_URL: await unusedUrl() })
    expect(await main(['node', 'vllm-chill', 'status', '--watch'], terminal)).toBe(1)
    expect(terminal.said.join('')).toContain('Nothing listens')
  })
})
