import { expect, it } from 'vitest'
import { ask, openLive, section, simulating, startProgram, useBrowser } from './harness.ts'

useBrowser()

it('the chart of the machine lights the state that the backend is in, through a real switch', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '1s' }), b: simulating({ loadTime: '2s' }) },
  })
  const page = await openLive(program)
  const chart = section(page, /^Statechart/)
  const lit = (state: string) => chart.locator(`svg .lit[data-state="${state}"]`)
  await lit('cold').waitFor()

  await ask(program, 'a')
  await lit('ready.quiet').waitFor()
  await chart.locator('svg .around[data-state="ready"]').waitFor()

  const switched = ask(program, 'b')
  await lit('scalingUp').waitFor()
  expect(await chart.locator('svg .lit').count()).toBe(1)
  const flashed = chart.locator(
    'svg .flash[data-edge="creatingResources"][data-target="scalingUp"]',
  )
  await flashed.waitFor({ state: 'attached' })
  await switched
  await lit('ready.quiet').waitFor()
})

it('the last transitions are listed with event, guard and time, also those of before', async () => {
  const program = await startProgram({ models: { a: {}, b: {} } })
  await ask(program, 'a')
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  await ask(program, 'b')
  const page = await openLive(program)
  const list = page.getByRole('region', { name: 'Last transitions' }).getByRole('listitem')

  const turned = list.filter({ hasText: 'ready.quiet → switchingModel.draining' })
  await turned.getByText('[another turn is due]').waitFor()
  await turned.getByText('demand changed').waitFor()
  expect(await turned.locator('time').innerText()).toMatch(/^\d\d:\d\d:\d\d$/)

  await program.operate('operations/stop')
  await list.filter({ hasText: 'idle.scalingDown → cold' }).waitFor()
  await list.filter({ hasText: 'take replicas down is done' }).first().waitFor()
})

it('with several backends, the chosen one is shown', async () => {
  const program = await startProgram({
    models: { a: {}, b: {} },
    config: {
      backends: [
        { name: 'one', models: ['a'] },
        { name: 'two', models: ['b'] },
      ],
    },
  })
  const page = await openLive(program)
  await ask(program, 'b')
  const chart = section(page, /^Statechart/)
  await chart.locator('svg .lit[data-state="cold"]').waitFor()
  await page.getByRole('article', { name: 'two' }).getByRole('button', { name: 'Chart' }).click()
  await chart.locator('svg .lit[data-state="ready.quiet"]').waitFor()
  await chart.getByRole('combobox', { name: 'Backend' }).selectOption('one')
  await chart.locator('svg .lit[data-state="cold"]').waitFor()
})

it('in small the whole chart fits', async () => {
  const program = await startProgram()
  const page = await openLive(program)
  const chart = section(page, /^Statechart/)
  await chart.getByText('Whole').click()
  const drawing = await page
    .getByRole('region', { name: 'Drawing of the statechart' })
    .boundingBox()
  const svg = await chart.locator('svg').boundingBox()
  expect(svg!.height).toBeLessThanOrEqual(drawing!.height)
  expect(svg!.width).toBeLessThanOrEqual(drawing!.width)
})
