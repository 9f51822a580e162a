import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseSimulatorArguments, startSimulator } from '../../../src/simulator/index.ts'
import type { Simulator } from '../../../src/simulator/index.ts'
import { modelFolders } from '../environment/cache.ts'
import { differencesOf } from './differences.ts'
import { knownDifferences } from './known-differences.ts'
import { pictureOf } from './picture.ts'
import { contextTokens } from './request.ts'
import { requests } from './requests/index.ts'
import { startOriginal, type Server } from './servers.ts'

const words = [
  modelFolders.small,
  '--served-model-name',
  'small',
  'little',
  '--max-model-len',
  String(contextTokens),
  '--enable-auto-tool-choice',
  '--tool-call-parser',
  'hermes',
  '--enable-request-id-headers',
]

let original: Server
let simulator: Simulator
const met = new Set<unknown>()

beforeAll(async () => {
  original = await startOriginal(words)
  const options = parseSimulatorArguments([...words, '--host', '127.0.0.1', '--port', '0'], {})
  simulator = await startSimulator(options)
})

afterAll(async () => {
  await simulator?.close()
  await original?.end()
})

test.each(requests.map((request) => [request.name, request] as const))(
  'the simulator answers like the original: %s',
  async (name, request) => {
    const differences = differencesOf(
      await pictureOf(original.url, request),
      await pictureOf(simulator.url, request),
    )
    const unknown = differences.filter(({ at }) => {
      const known = knownDifferences.find(
        (one) => one.requests.test(name) && (one.at === undefined || one.at.test(at)),
      )
      if (known !== undefined) met.add(known)
      return known === undefined
    })
    expect(unknown).toEqual([])
  },
)

test('no difference is listed that is none any more', () => {
  expect(knownDifferences.filter((known) => !met.has(known))).toEqual([])
})

test('no two requests have the same name', () => {
  const names = requests.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
