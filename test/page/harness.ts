import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { launchBrowser } from './chromium.ts'

export { startProgram, type Program } from '../integration/serve/program.ts'
export { simulating } from '../integration/serve/models.ts'
export { ask, saying } from '../integration/serve/conversation.ts'

let browser: Browser | undefined

/** Called once in each file that looks at the page. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())
}

export interface Looking {
  readonly page: Page
  /** What the browser complained about, such as a breach of the page's own policy. */
  readonly complaints: readonly string[]
}

/**
 * A page in a context of its own. Whatever the test is about, the browser may complain of nothing when it
 * is over, but for what `mayComplain` knows of.
 */
export async function openPage(
  { url }: { readonly url: string },
  { mayComplain, ...options }: BrowserContextOptions & { mayComplain?: RegExp } = {},
): Promise<Looking> {
  const context = await browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await page.locator('body').innerText())
    await context.close()
    expect(complaints.filter((complaint) => !mayComplain?.test(complaint))).toEqual([])
  })
  await page.goto(`${url}/proxy/ui`)
  return { page, complaints }
}

/** The page once it shows what there is. */
export async function openLive(
  program: { readonly url: string },
  options: Parameters<typeof openPage>[1] = {},
): Promise<Page> {
  const { page } = await openPage(program, options)
  await isLive(page)
  // Only then there is somebody to talk to.
  await page.locator('[data-model]').first().waitFor()
  return page
}

export async function isLive(page: Page): Promise<void> {
  await page.getByRole('banner').getByText('Live', { exact: true }).waitFor()
}

export function card(page: Page, backend = 'vllm'): Locator {
  return page.getByRole('article', { name: backend })
}

export function section(page: Page, name: string | RegExp): Locator {
  return page.getByRole('region', { name })
}

export function modelRow(page: Page, model: string): Locator {
  return page.locator(`[data-model="${model}"]`)
}

export function button(within: Page | Locator, name: string): Locator {
  return within.getByRole('button', { name, exact: true })
}

/** Answers the question that a button asks, which must have these words in it. */
export async function answer(page: Page, words: RegExp, yes: string): Promise<void> {
  const dialog = page.getByRole('dialog')
  await dialog.getByText(words).first().waitFor()
  await button(dialog, yes).click()
  await dialog.waitFor({ state: 'hidden' })
}
