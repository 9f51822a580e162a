import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import {
  answer,
  ask,
  button,
  card,
  modelRow,
  openLive,
  saying,
  simulating,
  startProgram,
  useBrowser,
  type Program,
} from './harness.ts'

useBrowser()

/** `PICTURES=1 npm run test:page -- pictures` draws those of the docs anew; otherwise nothing is written. */
const isWanted = process.env['PICTURES'] === '1'
const folder = join(import.meta.dirname, '../../docs/pictures')

/** Nothing glides or flashes, so that what is there is there at once. */
const still = { reducedMotion: 'reduce' } as const

const qwen = 'qwen3-coder-30b-fp8'
const deepseek = 'deepseek-r1-fp8'
const llama = 'llama-3.3-70b-fp8'
const long = { messages: saying('word '.repeat(1_500)), max_tokens: 3_000 }

it('shows a busy day in both themes, on a desk and on a phone', { timeout: 240_000 }, async () => {
  const program = await startProgram({
    models: {
      [qwen]: { modelName: 'Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8', aliases: ['qwen3-coder'] },
      [deepseek]: { modelName: 'RedHatAI/DeepSeek-R1-Distill-Qwen-7B-FP8-dynamic' },
      [llama]: {
        modelName: 'RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic',
        maxModelLen: 131_072,
        ...simulating({ failLoad: 1 }),
      },
    },
    simulate: '--load-time 6s --ttft 200ms --itl 20ms',
    // Who waits goes on waiting until all pictures are taken.
    flags: ['--idle-timeout', '10m', '--switch-policy', 'patient', '--max-wait', '10m'],
  })
  await aMorning(program)
  await ask(program, llama)
  const busy = [1, 2, 3].map(() => ask(program, qwen, long))
  await program.untilBackend(({ state, leases }) => state === 'ready.serving' && leases === 3)
  busy.push(...[1, 2].map(() => ask(program, deepseek)))

  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = { width: 1280, height: 1180 }
    const page = await openLive(program, { colorScheme, viewport, ...still })
    await isComplete(page)
    await keep(`page-${colorScheme}`, await page.screenshot())
    await page.close()
  }
  const phone = { width: 390, height: 844 }
  const page = await openLive(program, {
    viewport: phone,
    deviceScaleFactor: 2,
    isMobile: true,
    ...still,
  })
  await isComplete(page)
  await keep('phone', await page.screenshot())

  await page.setViewportSize({ width: 860, height: 900 })
  await keep('failure', await card(page).screenshot())
  await button(modelRow(page, llama), 'Switch').click()
  await page.getByRole('dialog').waitFor()
  await keep('question', await page.getByRole('dialog').screenshot())
  await answer(page, /3 requests in flight|finished first|is unloaded/, 'Leave it')
  await program.operate('operations/stop', { hold: true })
  await Promise.allSettled(busy)
})

/** Something to see in the timeline. */
async function aMorning(program: Program): Promise<void> {
  for (let round = 0; round < (isWanted ? 5 : 0); round++) {
    for (const model of [deepseek, qwen]) {
      await Promise.all([1, 2].map(async () => (await ask(program, model, shortly)).text()))
    }
  }
}

const shortly = { messages: saying('word '.repeat(300)), max_tokens: 400 }

async function isComplete(page: Page): Promise<void> {
  await page.locator('svg .lit[data-state="ready.serving"]').waitFor()
  await page.getByRole('group', { name: `${llama} failed to start` }).waitFor()
  await card(page)
    .getByText(/2 for deepseek/)
    .waitFor()
  await page.locator('.track .bar').first().waitFor({ state: 'attached' })
  await page.getByText(/serving \d+ %/).waitFor()
  await page.evaluate(
    'Promise.allSettled(document.getAnimations().map(({ finished }) => finished))',
  )
}

async function keep(name: string, picture: Buffer): Promise<void> {
  expect(picture.length).toBeGreaterThan(10_000)
  if (!isWanted) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.png`), picture)
}
