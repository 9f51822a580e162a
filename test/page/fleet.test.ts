import { expect, it } from 'vitest'
import { ask, card, openLive, section, simulating, startProgram, useBrowser } from './harness.ts'

useBrowser()

it('a card shows state, model, who waits and how far the load is, then what is in flight', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '3s', ttft: '3s' }) },
  })
  const page = await openLive(program)
  const vllm = card(page)
  await vllm.getByText('Cold, the GPU is free').waitFor()

  const asked = [ask(program, 'a'), ask(program, 'a')]
  await vllm.getByText('Loading', { exact: true }).waitFor()
  await vllm.getByText(/2 for a/).waitFor()
  await vllm.getByText(/oldest \d s/).waitFor()
  await vllm.getByRole('progressbar', { name: 'loading a' }).waitFor()
  await vllm.getByText('first load here').waitFor()

  await vllm.getByText('Serving', { exact: true }).waitFor()
  expect(await vllm.locator('dl').innerText()).toMatch(/In flight\s+2/)
  await Promise.all(asked)
  await vllm.getByText('Ready, nobody asks').waitFor()
})

it('the second load is shown against the usual time', async () => {
  const program = await startProgram({ models: { a: simulating({ loadTime: '2s' }) } })
  const page = await openLive(program)
  await ask(program, 'a')
  await program.operate('operations/stop', { model: 'a' })
  await program.untilBackend(({ state }) => state === 'cold')
  await program.operate('operations/start', { model: 'a' })
  await card(page)
    .getByText(/usually [2-9]\.\d s/)
    .waitFor()
})

it('a failed start is told in full, with its log and what to do', async () => {
  const program = await startProgram({ models: { broken: simulating({ failLoad: 3 }) } })
  const page = await openLive(program)
  await ask(program, 'broken')

  const failure = page.getByRole('group', { name: 'broken failed to start' })
  await failure.getByText('the process exited with code 3').waitFor()
  await failure.getByText('The last lines of its log say why').waitFor()
  await failure.getByText(/Last \d+ lines of its log/).click()
  await failure.getByText('the simulated load failed, as told').last().waitFor()

  await failure.getByRole('button', { name: 'Try now' }).click()
  await card(page).getByText('Loading', { exact: true }).waitFor()
  await page.getByText('Accepted: starting broken.').waitFor()
})

it('a manifest to mend is named with what is wrong', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program)
  await program.models.write('b', { maxModelLen: 'long' })
  const problems = page.getByRole('group', { name: 'Manifests to mend' })
  await problems.getByText('maxModelLen').waitFor()
  await program.models.remove('b')
  await problems.waitFor({ state: 'detached' })
})

it('the totals count what is ready, in flight and waiting', async () => {
  const program = await startProgram({
    models: { a: { maxNumSeqs: 1, ...simulating({ ttft: '60s' }) } },
  })
  const page = await openLive(program)
  const totals = section(page, 'In all')
  const controller = new AbortController()
  const asked = [1, 2, 3].map(() =>
    ask(program, 'a', {}, { signal: controller.signal }).catch(() => {}),
  )
  await totals.getByText('of 2').waitFor()
  expect(await totals.innerText()).toMatch(
    /Backends ready\s+1 of 1\s+In flight\s+2 of 2\s+Waiting\s+1/,
  )
  controller.abort()
  await Promise.all(asked)
})
