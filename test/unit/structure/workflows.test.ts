import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'

interface Workflow {
  on: Record<string, unknown>
  permissions: Record<string, string>
  jobs: Record<
    string,
    {
      needs?: string | string[]
      permissions?: Record<string, string>
      'timeout-minutes'?: number
      steps: { uses?: string; run?: string; with?: Record<string, unknown> }[]
    }
  >
}

const folder = join(import.meta.dirname, '../../../.github/workflows')
const workflows = globSync('*.yml', { cwd: folder }).map((name): [string, Workflow] => [
  name,
  parse(readFileSync(join(folder, name), 'utf8')) as Workflow,
])

/** What `.ci/run` checks with linters, as far as it takes none. */
describe.each(workflows)('the workflow %s', (_, { permissions, jobs }) => {
  it('may write nothing, unless a job says what', () => {
    expect(Object.values(permissions).filter((right) => right !== 'read')).toEqual([])
  })

  it('names the version of each action, and keeps no credentials', () => {
    const steps = Object.values(jobs).flatMap((job) => job.steps)
    const actions = steps.filter(({ uses }) => uses !== undefined)
    expect(actions.length).toBeGreaterThan(0)
    for (const { uses, with: options } of actions) {
      expect(uses).toMatch(/@(v\d+|[0-9a-f]{40})$/)
      if (uses?.startsWith('actions/checkout@'))
        expect(options?.['persist-credentials']).toBe(false)
    }
  })

  it('puts nothing of the event into a script, and ends in time', () => {
    for (const { steps, 'timeout-minutes': minutes } of Object.values(jobs)) {
      expect(minutes).toBeLessThanOrEqual(90)
      expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([])
    }
  })
})

describe('a release', () => {
  const { jobs } = (workflows.find(([name]) => name === 'release.yml') as [string, Workflow])[1]

  it('publishes nothing before everything was tried', () => {
    expect(jobs['check']?.steps.map(({ run }) => run)).toContain('bash .ci/run')
    expect(jobs['package']?.needs).toBe('check')
    expect(jobs['image']?.needs).toBe('check')
  })

  it('comes with provenance, lists of parts and signatures, for both processors', () => {
    const scripts = (job: string) => jobs[job]?.steps.map(({ run = '' }) => run).join('\n')
    expect(scripts('package')).toContain('npm publish --provenance')
    const build = jobs['image']?.steps.find(({ uses }) =>
      uses?.startsWith('docker/build-push-action'),
    )
    expect(build?.with).toMatchObject({ platforms: 'linux/amd64,linux/arm64', sbom: true })
    expect(scripts('image')).toContain('cosign sign --yes "$IMAGE@$DIGEST"')
    expect(scripts('announce')).toContain('npm sbom')
  })
})
