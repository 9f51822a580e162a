import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { releaseNotes } from '../../../docs/release-notes.ts'
import manifest from '../../../package.json' with { type: 'json' }

const changelog = `# Changelog

## 1.2.0 (2026-12-01)

- One.

## 1.1.0

- Other.
`

describe('release notes', () => {
  it('are the section of that version, and no more', () => {
    expect(releaseNotes('v1.2.0', '1.2.0', changelog)).toBe('- One.')
    expect(releaseNotes('v1.1.0', '1.1.0', changelog)).toBe('- Other.')
  })

  it('are refused for another version, and for one that the changelog does not know', () => {
    expect(() => releaseNotes('v1.2.1', '1.2.0', changelog)).toThrow('the tag v1.2.1 is not v1.2.0')
    expect(() => releaseNotes('v1.2', '1.2', changelog)).toThrow('has no section for 1.2')
    expect(() => releaseNotes('v1.3.0', '1.3.0', changelog)).toThrow('has no section for 1.3.0')
  })

  it('are there for the version of package.json', () => {
    const { version } = manifest
    const own = readFileSync(new URL('../../../docs/CHANGELOG.md', import.meta.url), 'utf8')
    expect(releaseNotes(`v${version}`, version, own)).not.toBe('')
  })
})
