import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cac } from 'cac'
import { describe, expect, test } from 'vitest'
import { pipeTerminal } from '../../../src/cli/terminal.ts'
import { registerValidate } from '../../../src/cli/validate.ts'
import { manifestText } from './manifest.ts'

async function run(...words: string[]): Promise<{ code: unknown; text: string }> {
  const printed: string[] = []
  const cli = cac('vllm-chill')
  registerValidate(cli, pipeTerminal({ print: (text) => printed.push(text) }))
  cli.parse(['node', 'vllm-chill', 'validate', ...words], { run: false })
  const code: unknown = await cli.runMatchedCommand()
  return { code, text: printed.join('\n') }
}

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'chill-validate-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

describe('vllm-chill validate', () => {
  test('says ok for each model, names what it skips, and ends with 0', async () => {
    const path = folder({
      'a.yaml': manifestText('a', { aliases: ['b'] }),
      'c.yaml': 'kind: ConfigMap',
    })
    const { code, text } = await run(path)
    expect(code).toBe(0)
    expect(text.split('\n')).toEqual([
      `ok       ${path}/a.yaml: a (also b)`,
      `skipped  ${path}/c.yaml: is a ConfigMap, not a VLLMModel`,
    ])
  })

  test('says what is wrong, also between files, and ends with 1', async () => {
    const path = folder({
      'a.yaml': manifestText('a'),
      'b.yaml': manifestText('a'),
      'c.yaml': manifestText('c', { dtype: 'fp16' }),
    })
    const { code, text } = await run(`${path}/a.yaml`, path, `${path}/none.yaml`)
    expect(code).toBe(1)
    expect(text.split('\n').map((line) => line.replaceAll(path, ''))).toEqual([
      'ok       /a.yaml: a',
      'problem  /none.yaml: does not exist',
      expect.stringMatching(/^problem {2}\/c.yaml, line 1: spec.dtype: "fp16" is not one of/),
      expect.stringMatching(
        /^problem {2}\/b.yaml: the name a already belongs to the older model of \/a.yaml/,
      ),
    ])
  })

  test('prints the models with their defaults as JSON', async () => {
    const { code, text } = await run('--json', folder({ 'a.yaml': manifestText('a') }))
    expect(code).toBe(0)
    expect(JSON.parse(text)).toMatchObject({
      models: [{ name: 'a', manifest: { spec: { maxNumSeqs: 16 } } }],
      problems: [],
      skipped: [],
    })
  })

  test('of an empty folder, or of nothing, is an error', async () => {
    expect(await run(folder({}))).toMatchObject({
      code: 1,
      text: expect.stringContaining('holds no .yaml, .yml or .json file') as unknown,
    })
    await expect(run()).rejects.toThrow('validate needs a file or a folder')
  })
})
