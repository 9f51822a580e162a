import { expect, it } from 'vitest'
import {
  answer,
  ask,
  button,
  card,
  modelRow,
  openLive,
  section,
  simulating,
  startProgram,
  useBrowser,
} from './harness.ts'

useBrowser()

it('a model is loaded, switched and unloaded; what takes something away asks first', async () => {
  const program = await startProgram({ models: { a: {}, b: {} } })
  const page = await openLive(program)

  await button(modelRow(page, 'a'), 'Load').click()
  await page.getByText('Accepted: starting a.').waitFor()
  await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'a')
  await modelRow(page, 'a')
    .getByText(/last load/)
    .waitFor()

  await button(modelRow(page, 'b'), 'Switch').click()
  await answer(page, /a on vllm is unloaded and b takes its place/, 'Leave it')
  expect((await program.backend()).model).toBe('a')
  await button(modelRow(page, 'b'), 'Switch').click()
  await answer(page, /No request is in flight on vllm/, 'Switch')
  await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'b')

  await button(modelRow(page, 'b'), 'Unload').click()
  await answer(page, /The GPU is given back/, 'Unload')
  await program.untilBackend(({ state }) => state === 'cold')
})

it('the question says whose requests are in the way', async () => {
  const program = await startProgram({ models: { a: simulating({ ttft: '60s' }), b: {} } })
  const page = await openLive(program)
  const controller = new AbortController()
  const asked = ask(program, 'a', {}, { signal: controller.signal }).catch(() => {})
  await card(page).getByText('Serving', { exact: true }).waitFor()
  await button(modelRow(page, 'b'), 'Switch').click()
  await answer(page, /1 request in flight on vllm is finished first/, 'Leave it')
  controller.abort()
  await asked
})

it('a model is pinned and let go', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program)
  await button(modelRow(page, 'a'), 'Pin').click()
  await modelRow(page, 'a').getByText('pinned', { exact: true }).waitFor()
  await button(modelRow(page, 'a'), 'Unpin').click()
  await modelRow(page, 'a').getByText('pinned', { exact: true }).waitFor({ state: 'detached' })
})

it('a backend is held down and released', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program)
  await button(card(page), 'Hold down').click()
  await answer(page, /stays down until somebody starts it again/, 'Hold down')
  await card(page).getByText('held down', { exact: true }).waitFor()
  expect((await program.backend()).held).toBe(true)
  await button(card(page), 'Release').click()
  await program.untilBackend(({ held }) => !held)
})

it('requests are listed, one that waits is refused and one in flight cut', async () => {
  const program = await startProgram({
    models: { a: { maxNumSeqs: 1, ...simulating({ ttft: '60s' }) } },
  })
  const page = await openLive(program)
  const named = (id: string) => ask(program, 'a', {}, { headers: { 'x-request-id': id } })
  const first = named('first')
  const requests = section(page, 'Requests in flight and waiting')
  const row = (id: string) => requests.getByRole('row').filter({ hasText: id })
  await row('first').getByText('vllm', { exact: true }).waitFor()
  const others = [named('second'), named('third')]
  await row('third').getByText('waits', { exact: true }).waitFor()

  await button(requests, 'Refuse third').click()
  await answer(page, /waits for a. Its client gets an error/, 'Refuse it')
  expect((await others[1]!).status).toBeGreaterThanOrEqual(400)
  await row('third').waitFor({ state: 'detached' })

  for (const id of ['first', 'second']) {
    await button(requests, `Cancel ${id}`).click()
    await answer(page, /is being answered/, 'Cut it')
  }
  await Promise.allSettled([first, others[0]])
  await page.getByText('Nobody asks.').waitFor()
})

it('a refusal of the program is shown in its words', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program, { mayComplain: /status of 404|ERR_FAILED/ })
  // The page goes on showing the model that is gone.
  await page.route('**/proxy/models', (route) => route.abort())
  await program.models.remove('a')
  await program.waitForLog(({ msg }) => msg === 'model removed')
  await button(modelRow(page, 'a'), 'Load').click()
  await page.getByText(/No model "a"/).waitFor()
})

it('manifest and log of what runs can be read', async () => {
  const program = await startProgram({ models: { a: { maxModelLen: 4321 } } })
  const page = await openLive(program)
  await ask(program, 'a')

  await button(modelRow(page, 'a'), 'Manifest').click()
  await page.getByLabel('Manifest of a').getByText('maxModelLen: 4321').waitFor()
  await button(page.getByRole('dialog'), 'Close').click()

  await button(card(page), 'Log').click()
  await page.getByLabel('Log of vllm').last().getByText('Application startup complete').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})
