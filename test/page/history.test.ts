import { expect, it } from 'vitest'
import { ask, openLive, section, simulating, startProgram, useBrowser } from './harness.ts'

useBrowser()

interface Place {
  readonly left: string
  readonly width: string
}

it('the timeline shows which model was where, with loads and waits as they were', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '1s' }), b: simulating({ loadTime: '1s' }) },
  })
  await ask(program, 'a')
  await ask(program, 'b')
  const page = await openLive(program)
  const timeline = section(page, 'Timeline')

  await timeline.locator('.bar[title^="Loading: b"]').waitFor({ state: 'attached' })
  await timeline.locator('.bar[title^="1 waited for a at most"]').waitFor({ state: 'attached' })
  // In one look, as the bars move with the time.
  const [first, second] = await timeline
    .locator('.bar[title^="Loading"]')
    .evaluateAll((bars) => bars.map((bar) => (bar as unknown as { style: Place }).style))
  expect(Number.parseFloat(first!.left)).toBeLessThan(Number.parseFloat(second!.left))

  await timeline.getByText('As a table').click()
  const rows = timeline.getByRole('row')
  await rows.filter({ hasText: 'Loading' }).filter({ hasText: 'b' }).first().waitFor()
  await timeline.getByText('6 h').click()
  expect(await timeline.getByRole('radio', { name: '6 h' }).isChecked()).toBe(true)
})

it('GPU time held and saved is counted before one’s eyes', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program)
  const totals = section(page, 'In all')
  await totals.getByText(/^saved, 0\.0 min held$/).waitFor()
  await totals.getByText(/saved 100 %/).waitFor()
  await ask(program, 'a')
  await totals.getByText(/idle [1-9]\d* %/).waitFor()
})
