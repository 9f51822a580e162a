import { expect, it, onTestFinished } from 'vitest'
import { launchBrowser } from './chromium.ts'
import { ask, startProgram } from './harness.ts'

/** Says that it is there as Stately's viewer does, and lists what it is sent. */
const viewer = `<!doctype html><ol></ol><script>
addEventListener('message', ({ data }) => {
  const { type, name, snapshot } = data
  const line = document.createElement('li')
  line.textContent = [type, name, JSON.stringify(snapshot?.value)].filter(Boolean).join(' ')
  document.querySelector('ol').append(line)
})
parent.postMessage({ type: '@statelyai.connected' }, '*')
</script>`

it("hands the page's events to Stately's viewer, once the token is given", async () => {
  const flags = ['--inspect', '--operations-token', 'open-sesame']
  const program = await startProgram({ models: { a: {} }, flags })
  await ask(program, 'a')

  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  page.setDefaultTimeout(20_000)
  const addresses: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => addresses.push(request.url()))
  page.on('websocket', (socket) => addresses.push(socket.url()))
  page.on('console', (message) => complaints.push(message.text()))
  await page.route('https://stately.ai/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: viewer }),
  )
  await page.goto(`${program.url}/proxy/inspect`)
  await page.getByText('It was refused').waitFor()
  await page.getByLabel('Operations token').fill('open-sesame')
  await page.getByRole('button', { name: 'Look' }).click()

  const lines = page.frameLocator('iframe').getByRole('listitem')
  await lines.getByText('@xstate.actor fleet').waitFor()
  await lines.getByText('@xstate.actor vllm').waitFor()
  await lines.getByText('@xstate.snapshot {"ready":').first().waitFor()
  await page.getByLabel('Operations token').waitFor({ state: 'hidden' })
  expect(addresses.filter((address) => /sesame|c2VzYW1l/.test(address))).toEqual([])
  // Of the handshake that was refused, and of nothing else.
  expect(complaints.filter((text) => !/WebSocket connection .* 403/.test(text))).toEqual([])
})
