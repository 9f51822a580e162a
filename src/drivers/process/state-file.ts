import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/**
 * What a later program needs in order to find, and to know for certain, the processes of this one:
 * `<backend>.json` in the state folder, there exactly as long as its group may have a member.
 */
const stateSchema = z.object({
  backend: z.string(),
  /** Value of the marker in the environment of all processes of the launch. */
  marker: z.string().min(8),
  model: z.string(),
  port: z.int(),
  /** Program and arguments, for a person who looks; keys are never among them. */
  command: z.array(z.string()),
  /** Missing in the moment between the decision to launch and the launch. */
  leader: z.object({ pid: z.int().min(2), startTime: z.string() }).optional(),
  watchdog: z.int().optional(),
})

export type BackendState = z.infer<typeof stateSchema>

const ending = '.json'
const draftEnding = '.new'

function pathOf(stateDir: string, backend: string): string {
  return join(stateDir, encodeURIComponent(backend) + ending)
}

/**
 * Synchronously, so that nothing happens between a launch and its record; renamed into place, so that
 * whoever reads sees all of it or the one before.
 */
export function writeState(stateDir: string, state: BackendState): void {
  const path = pathOf(stateDir, state.backend)
  const draft = `${path}.${process.pid}${draftEnding}`
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(draft, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

/** What a program left that was killed while it wrote. Only for who has the folder to himself. */
export function removeDrafts(stateDir: string): void {
  for (const name of readdirSync(stateDir)) {
    if (name.endsWith(draftEnding)) rmSync(join(stateDir, name), { force: true })
  }
}

export function removeState(stateDir: string, backend: string): void {
  rmSync(pathOf(stateDir, backend), { force: true })
}

/** Every state in the folder, also of backends that are no longer configured; `broken` are file paths. */
export function readStates(stateDir: string): { states: BackendState[]; broken: string[] } {
  const states: BackendState[] = []
  const broken: string[] = []
  for (const name of readdirSync(stateDir)) {
    if (!name.endsWith(ending)) continue
    const path = join(stateDir, name)
    const state = parse(readFileSync(path, 'utf8'))
    if (state) states.push(state)
    else broken.push(path)
  }
  return { states, broken }
}

function parse(text: string): BackendState | undefined {
  try {
    return stateSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
