import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { groups, settingsReference } from '../../../src/config/index.ts'

const root = join(import.meta.dirname, '../../..')
const code = globSync('{machines,src}/**/*.ts', {
  cwd: root,
  exclude: ['src/config/settings.ts', 'src/simulator/**'],
})
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n')

it('a setting that nothing reads yet says so', () => {
  const silent = settingsReference()
    .filter(({ key }) => !new RegExp(`\\b${key}(Ms|Bytes)?\\b`).test(code))
    .filter(({ meaning, group }) => !`${groups[group]} ${meaning}`.includes('later release'))
  expect(silent.map(({ key }) => key)).toEqual([])
})
