import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openFolderCatalogue, type Catalogue } from '../../../src/catalogue/index.ts'
import { ConfigError } from '../../../src/config/index.ts'
import { defaults, manifestText } from './manifest.ts'

let folder: string

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'chill-models-')), 'models')
  await mkdir(folder)
})

afterEach(async () => {
  await rm(join(folder, '..'), { recursive: true, force: true })
})

/** In one step, so that no reading meets half a file. */
async function write(name: string, text: string): Promise<void> {
  const path = join(folder, name)
  await writeFile(`${path}~`, text)
  await rename(`${path}~`, path)
}

async function open(path = folder): Promise<Catalogue> {
  const catalogue = await openFolderCatalogue({ path, defaults })
  onTestFinished(() => catalogue.close())
  return catalogue
}

/** Resolves as soon as what is known now, or after a change, is as wanted. */
async function until(
  catalogue: Catalogue,
  isWanted: (catalogue: Catalogue) => boolean,
): Promise<void> {
  if (isWanted(catalogue)) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = catalogue.subscribe(() => {
    if (isWanted(catalogue)) resolve()
  })
  await promise
  stop()
}

const has =
  (...names: string[]) =>
  ({ models }: Catalogue) =>
    [...models.keys()].join() === names.join()

describe('a folder of manifests', () => {
  test('is known after opening, sorted by name, and found by alias', async () => {
    await write('1.yaml', manifestText('b', { aliases: ['bee'] }))
    await write('2.json', manifestText('a'))
    await write('notes.txt', 'kind: VLLMModel')
    await write('.hidden.yaml', manifestText('c'))
    const catalogue = await open()
    expect([...catalogue.models.keys()]).toEqual(['a', 'b'])
    expect(catalogue.find('bee')).toBe(catalogue.models.get('b'))
    expect(catalogue.find('c')).toBeUndefined()
    expect(catalogue.problems).toEqual([])
  })

  test('that is missing at the start is a clear error', async () => {
    await expect(open(join(folder, 'no'))).rejects.toThrow(ConfigError)
    await expect(open(join(folder, 'no'))).rejects.toThrow(/does not exist; create the folder/)
  })

  test('is followed as models come, change and go, without touching the others', async () => {
    await write('a.yaml', manifestText('a'))
    const catalogue = await open()
    const a = catalogue.find('a')

    await write('b.yaml', manifestText('b'))
    await until(catalogue, has('a', 'b'))
    const b = catalogue.find('b')

    await write('b.yaml', manifestText('b', { maxNumSeqs: 4 }))
    await until(catalogue, () => catalogue.find('b') !== b)
    expect(catalogue.find('b')?.facts.revision).not.toBe(b?.facts.revision)

    await unlink(join(folder, 'b.yaml'))
    await until(catalogue, has('a'))
    expect(catalogue.find('a')).toBe(a)
  })

  test('keeps a model whose file breaks, says so, and follows it again when it is mended', async () => {
    await write('a.yaml', manifestText('a'))
    const catalogue = await open()
    const a = catalogue.find('a')
    await write('a.yaml', 'spec: [')
    await until(catalogue, ({ problems }) => problems.length > 0)
    expect(catalogue.find('a')).toBe(a)

    await write('a.yaml', manifestText('a', { priority: 1 }))
    await until(catalogue, ({ problems }) => problems.length === 0)
    expect(catalogue.find('a')?.facts.priority).toBe(1)
  })

  test('sees a file that is written in place', async () => {
    await write('a.yaml', manifestText('a'))
    const catalogue = await open()
    await writeFile(join(folder, 'a.yaml'), manifestText('a', { priority: 2 }))
    await until(catalogue, () => catalogue.find('a')?.facts.priority === 2)
  })

  test('is read again now and then, for changes behind a link are not seen', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const elsewhere = join(folder, '..', 'elsewhere')
    await mkdir(elsewhere)
    await writeFile(join(elsewhere, 'a.yaml'), manifestText('a'))
    await symlink(join(elsewhere, 'a.yaml'), join(folder, 'a.yaml'))
    const catalogue = await open()
    await writeFile(join(elsewhere, 'a.yaml'), manifestText('a', { priority: 2 }))
    expect(catalogue.find('a')?.facts.priority).toBe(0)
    vi.advanceTimersByTime(30_000)
    await until(catalogue, () => catalogue.find('a')?.facts.priority === 2)
  })

  test('keeps its models while it is gone, and follows the one that takes its place', async () => {
    await write('a.yaml', manifestText('a'))
    const catalogue = await open()
    const a = catalogue.find('a')
    await rm(folder, { recursive: true })
    await until(
      catalogue,
      ({ problems }) => problems[0]?.message.includes('does not exist') === true,
    )
    expect(catalogue.find('a')).toBe(a)

    await mkdir(folder)
    await write('b.yaml', manifestText('b'))
    await until(catalogue, has('b'))
    // It is watched again, not only read again.
    await write('c.yaml', manifestText('c'))
    await until(catalogue, has('b', 'c'))
    expect(catalogue.problems).toEqual([])
  })

  test('may be a mounted ConfigMap, where one link changes and every file with it', async () => {
    await mkdir(join(folder, '..one'))
    await mkdir(join(folder, '..two'))
    await write('..one/a.yaml', manifestText('a'))
    await write('..two/a.yaml', manifestText('a', { priority: 5 }))
    await symlink('..one', join(folder, '..data'))
    await symlink('..data/a.yaml', join(folder, 'a.yaml'))
    const catalogue = await open()
    expect(catalogue.find('a')?.facts.priority).toBe(0)

    await symlink('..two', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await until(catalogue, () => catalogue.find('a')?.facts.priority === 5)
  })

  test('may be a link that is turned to another folder', async () => {
    const link = join(folder, '..', 'current')
    const other = join(folder, '..', 'other')
    await mkdir(other)
    await write('a.yaml', manifestText('a'))
    await writeFile(join(other, 'b.yaml'), manifestText('b'))
    await symlink(folder, link)
    const catalogue = await open(link)
    await symlink(other, `${link}.new`)
    await rename(`${link}.new`, link)
    await until(catalogue, has('b'))
  })

  test('may be one file, also when it is replaced', async () => {
    const path = join(folder, 'a.yaml')
    await write('a.yaml', manifestText('a'))
    const catalogue = await open(path)
    await write('b.yaml', manifestText('b'))
    await write('new', `${manifestText('a')}\n---\n${manifestText('c')}`)
    await rename(join(folder, 'new'), path)
    await until(catalogue, has('a', 'c'))
  })

  test('tells each change once, to the log and to whoever listens for problems', async () => {
    await write('a.yaml', manifestText('a'))
    const lines: string[] = []
    const problems: string[] = []
    const tell = (fields: object, message: string) =>
      lines.push(`${message}: ${(fields as { model?: string }).model ?? ''}`)
    const catalogue = await openFolderCatalogue({
      path: folder,
      defaults,
      log: { info: tell, warn: tell },
      onProblem: ({ message }) => problems.push(message),
    })
    onTestFinished(() => catalogue.close())
    await write('b.yaml', manifestText('a'))
    await until(catalogue, (now) => now.problems.length === 1)
    await unlink(join(folder, 'b.yaml'))
    await until(catalogue, (now) => now.problems.length === 0)
    await write('a.yaml', manifestText('a', { priority: 1 }))
    await until(catalogue, (now) => now.find('a')?.facts.priority === 1)
    await unlink(join(folder, 'a.yaml'))
    await until(catalogue, has())

    expect(problems).toEqual([expect.stringMatching(/^the name a already belongs/)])
    expect(lines).toEqual([
      'model added: a',
      expect.stringMatching(/^manifest not used: the name a/),
      'manifest problem gone: ',
      'model changed: a',
      'model removed: a',
    ])
  })

  test('is silent once closed', async () => {
    const catalogue = await open()
    let calls = 0
    catalogue.subscribe(() => calls++)
    await write('a.yaml', manifestText('a'))
    await catalogue.close()
    const other = await open()
    await write('b.yaml', manifestText('b'))
    await until(other, has('a', 'b'))
    expect(calls).toBe(0)
    expect([...catalogue.models.keys()]).toEqual([])
  })
})
