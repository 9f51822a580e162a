import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']

/** The system's own browser; playwright-core brings none. */
export async function launchBrowser(): Promise<Browser> {
  // As root, as in most containers, Chromium starts without its sandbox or not at all.
  const isRoot = process.getuid?.() === 0
  return await chromium.launch({ executablePath: findBrowser(), chromiumSandbox: !isRoot })
}

function findBrowser(): string {
  const given = process.env['CHROMIUM']
  if (given !== undefined) return given
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isProgram)
  if (found !== undefined) return found
  throw new Error(
    'The page is tried in a real browser, and none is on PATH. Install one (Debian: `apt-get install chromium`) or name it in CHROMIUM.',
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
