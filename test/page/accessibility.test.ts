import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import {
  ask,
  button,
  card,
  modelRow,
  openLive,
  simulating,
  startProgram,
  useBrowser,
} from './harness.ts'

useBrowser()

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: { readonly html: string; readonly failureSummary: string }[]
}

/** What axe finds serious or critical, in words. */
async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const run =
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)"
  const violations = await page.evaluate<Violation[]>(run)
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    )
}

/** A failed model, one that serves, one that waits: as much as can be seen at once. */
async function aBusyProgram() {
  const program = await startProgram({
    models: {
      a: simulating({ ttft: '60s' }),
      b: {},
      broken: simulating({ failLoad: 3 }),
    },
  })
  await ask(program, 'broken')
  const controller = new AbortController()
  const asked = ['a', 'b'].map((model) =>
    ask(program, model, {}, { signal: controller.signal }).catch(() => {}),
  )
  await program.untilBackend(({ leases, waiting }) => leases + waiting.length === 2)
  const end = async () => {
    controller.abort()
    await Promise.all(asked)
  }
  return { program, end }
}

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  it('axe finds nothing serious, wide, narrow and in a dialog', async () => {
    const { program, end } = await aBusyProgram()
    // Its animations go through colours that are not meant to be read.
    const page = await openLive(program, { colorScheme, reducedMotion: 'reduce', bypassCSP: true })
    await page.locator('svg .lit').waitFor()
    await page.getByRole('group', { name: 'broken failed to start' }).waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await seriousFindings(page)).toEqual([])
    await button(card(page), 'Hold down').click()
    await page.getByRole('dialog').waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await end()
  })
})

/** What reaches beyond the screen, but for what scrolls in a window of its own. */
async function tooWide(page: Page): Promise<string[]> {
  return await page.evaluate<string[]>(`[...document.querySelectorAll('body *')]
    .filter((element) => element.closest('.drawing > *, .scrolls > *, pre > *, .track > *') === null)
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
    .map(({ tagName, className }) => tagName + ' ' + className)
    .concat(document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [])`)
}

it('on a phone nothing is wider than the screen', async () => {
  const { program, end } = await aBusyProgram()
  const page = await openLive(program, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  })
  await page.locator('svg .lit').waitFor()
  await page
    .getByRole('button', { name: /^(Cancel|Refuse) / })
    .first()
    .waitFor()
  expect(await tooWide(page)).toEqual([])
  await page.setViewportSize({ width: 320, height: 640 })
  expect(await tooWide(page)).toEqual([])
  await end()
})

it('the theme can be chosen, and stays chosen', async () => {
  const program = await startProgram({ models: { a: {} } })
  const page = await openLive(program, { colorScheme: 'light' })
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  const light = await background()
  await page.getByLabel('Theme').selectOption('dark')
  const dark = await background()
  expect(dark).not.toBe(light)
  await page.reload()
  expect(await background()).toBe(dark)
})

it('everything is reached and done by keyboard', async () => {
  const program = await startProgram({ models: { a: {}, b: {} } })
  const page = await openLive(program)
  await modelRow(page, 'a').waitFor()
  const focused = () =>
    page.evaluate<string>(
      "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? '').trim()",
    )
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab')
      if ((await focused()) === name) return
    }
    throw new Error(`Tab never came to ${name}`)
  }
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('To the fleet')
  await page.keyboard.press('Enter')

  await tabTo('Load')
  await page.keyboard.press('Enter')
  await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'a')
  await button(modelRow(page, 'a'), 'Unload').waitFor()

  await page.keyboard.press('Shift+Tab')
  await tabTo('Unload')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Unload a?' }).waitFor()
  expect(await focused()).toBe('Leave it')
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await focused()).toBe('Unload')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Unload a?' }).waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await program.untilBackend(({ state }) => state === 'cold')
  await tabTo('Drawing of the statechart')
})
