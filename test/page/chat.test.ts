import { expect, it } from 'vitest'
import { button, openLive, section, simulating, startProgram, useBrowser } from './harness.ts'

useBrowser()

it('a message wakes the model, and the answer tells the time to the first token', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '2s' }) },
    flags: ['--progress-after', '100ms'],
  })
  const page = await openLive(program)
  const chat = section(page, 'Try a model')
  await chat.getByLabel('Message').fill('hello there')
  await page.keyboard.press('Enter')
  await chat.getByText(/waiting \d+\.\d s/).waitFor()
  await chat.getByText(/scalingUp/).waitFor()
  await chat.getByText('[a] you said: hello there').waitFor()
  const timing = await chat.getByText(/first token after/).innerText()
  expect(Number(/after (\d+\.\d) s/.exec(timing)?.[1])).toBeGreaterThanOrEqual(2)
  expect(timing).toMatch(/\d+ tokens/)
})

it('what a model thinks is told apart from what it says', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program)
  const deltas = [{ reasoning_content: 'they greet me' }, { content: 'hello' }]
  const events = deltas.map((delta) => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`)
  await page.route('**/v1/chat/completions', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: events.join('') }),
  )
  const chat = section(page, 'Try a model')
  await chat.getByLabel('Message').fill('hi')
  await button(chat, 'Send').click()
  await chat.locator('.reasoning').getByText('they greet me').waitFor()
  await chat.locator('.said').getByText('hello').waitFor()
})

it('a start that fails is told in the chat too, and Stop ends the waiting', async () => {
  const program = await startProgram({
    models: { a: simulating({ hangLoad: true }), broken: simulating({ failLoad: 3 }) },
  })
  const page = await openLive(program, { mayComplain: /status of 503/ })
  const chat = section(page, 'Try a model')
  await chat.getByRole('combobox').selectOption('broken')
  await chat.getByLabel('Message').fill('one')
  await page.keyboard.press('Enter')
  await chat.getByText(/could not be started [\s\S]*\(model_failed\)/).waitFor()

  await chat.getByRole('combobox').selectOption('a')
  await chat.getByLabel('Message').fill('two')
  await page.keyboard.press('Enter')
  await program.untilBackend(({ waiting }) => waiting.length === 1)
  await button(chat, 'Stop').click()
  await chat.getByText('Stopped.').waitFor()
  await program.untilBackend(({ waiting }) => waiting.length === 0)
})

it('asks for a client’s key where the API wants one', async () => {
  const program = await startProgram({ models: { a: {} }, flags: ['--api-keys', 'client-key'] })
  const page = await openLive(program, { mayComplain: /status of 401/ })
  const chat = section(page, 'Try a model')
  await chat.getByLabel('Message').fill('one')
  await page.keyboard.press('Enter')
  await chat.getByText(/invalid_api_key/).waitFor()
  await chat.getByLabel('API key of a client').fill('client-key')
  await chat.getByLabel('Message').fill('two')
  await page.keyboard.press('Enter')
  await chat.getByText('[a] you said: two').waitFor()
})
