import { expect, it } from 'vitest'
import { ask, card, isLive, openLive, openPage, startProgram, useBrowser } from './harness.ts'

useBrowser()

/** A browser says so by itself when an address does not answer. */
const isDown = /net::ERR_/

it('follows the program through a restart, and shows what is true then', async () => {
  const first = await startProgram({ models: { a: {} } })
  const port = Number(new URL(first.url).port)
  const page = await openLive(first, { mayComplain: isDown })
  await ask(first, 'a')
  await card(page).getByText('Ready, nobody asks').waitFor()

  first.signal('SIGKILL')
  await first.exited
  await page.getByText('No answer, trying again').waitFor()
  await page.getByText('What is shown was so before').waitFor()

  const second = await startProgram({ folder: first.folder, port })
  await isLive(page)
  await card(page).getByText('Cold, the GPU is free').waitFor()
  await ask(second, 'a')
  await card(page).getByText('Ready, nobody asks').waitFor()
})

it('says that the program was stopped, where it said goodbye', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program, { mayComplain: isDown })
  program.signal('SIGTERM')
  await page.getByText('Stopped, waiting for it').waitFor()
  await page.getByText('vllm-chill was stopped').waitFor()
})

it('asks for the operations token, refuses a wrong one, and never puts it into an address', async () => {
  const program = await startProgram({
    models: { a: {} },
    flags: ['--operations-token', 'open-sesame'],
  })
  const { page } = await openPage(program, { mayComplain: /status of 403/ })
  const addresses: string[] = []
  const headers: (string | undefined)[] = []
  page.on('request', (request) => {
    addresses.push(request.url())
    headers.push(request.headers()['authorization'])
  })
  const dialog = page.getByRole('dialog', { name: 'Operations token' })
  await dialog.waitFor()
  await page.keyboard.press('Escape')
  expect(await dialog.isVisible()).toBe(true)
  await dialog.getByLabel('Token').fill('wrong')
  await page.keyboard.press('Enter')
  await dialog.getByText('That is not the token.').waitFor()
  await dialog.getByLabel('Token').fill('open-sesame')
  await page.keyboard.press('Enter')
  await isLive(page)
  await card(page).getByText('Cold, the GPU is free').waitFor()
  await page.locator('svg.statechart').waitFor()

  await page.getByRole('button', { name: 'Load', exact: true }).click()
  await page.getByText('Accepted: starting a.').waitFor()
  expect(page.url()).toBe(`${program.url}/proxy/ui`)
  expect(addresses.filter((address) => address.includes('sesame'))).toEqual([])
  expect(headers).toContain('Bearer open-sesame')

  await page.reload()
  await isLive(page)
  expect(await page.evaluate('Object.keys(localStorage)')).toEqual([])

  await page.getByRole('button', { name: 'Forget token' }).click()
  await dialog.waitFor()
  expect(await page.evaluate('sessionStorage.length')).toBe(0)
})

it('works on the operators’ port, where it says that the chat does not', async () => {
  const program = await startProgram({ models: { a: {} }, flags: ['--operations-port', '0'] })
  const { operationsUrl } = await program.waitForLog(({ msg }) => msg.startsWith('listening on'))
  const page = await openLive({ url: String(operationsUrl) }, { mayComplain: /status of 404/ })
  await card(page).getByText('Cold, the GPU is free').waitFor()
  await page.getByLabel('Message').fill('one')
  await page.keyboard.press('Enter')
  await page.getByText('This is the operators’ port').waitFor()
})

it('says when this program does not lead', async () => {
  const program = await startProgram({ models: { a: {} } })
  const backend = { ...(await program.backend()), leads: false }
  const events = [
    { type: 'hello', version: '1', startedAt: backend.since, backends: ['vllm'], missed: false },
    { type: 'snapshot', backend },
  ].map(
    (event) => `event: ${event.type}\ndata: ${JSON.stringify({ at: backend.since, ...event })}\n\n`,
  )
  const { page } = await openPage(program)
  await page.route('**/proxy/events*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: events.join('') }),
  )
  await page.reload()
  await page.getByText('This program does not lead').waitFor()
  await card(page).getByText('follows', { exact: true }).waitFor()
})
