/**
 * `node docs/release-notes.ts v1.2.3`: what the changelog says of that version. Fails when it says nothing,
 * or when the tag is not the version of package.json.
 */
import { readFileSync } from 'node:fs'
import manifest from '../package.json' with { type: 'json' }

/** @throws Error that says what to mend before the tag is set again */
export function releaseNotes(tag: string, version: string, changelog: string): string {
  if (tag !== `v${version}`)
    throw new Error(`the tag ${tag} is not v${version}, as package.json has it`)
  const sections = changelog.split(/^(?=## )/m)
  const section = sections.find((one) => one.split(/\s+/)[1] === version)
  const notes = section?.slice(section.indexOf('\n')).trim()
  if (!notes) throw new Error(`docs/CHANGELOG.md has no section for ${version}`)
  return notes
}

if (import.meta.main) {
  try {
    const changelog = readFileSync(new URL('CHANGELOG.md', import.meta.url), 'utf8')
    console.log(releaseNotes(process.argv[2] ?? '', manifest.version, changelog))
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
