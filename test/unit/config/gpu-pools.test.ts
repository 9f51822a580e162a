import { describe, expect, test } from 'vitest'
import { ConfigError, loadSettings } from '../../../src/config/index.ts'

function load(file: string, flags: Record<string, unknown> = {}) {
  return loadSettings({
    flags: { config: 'x.yaml', ...flags },
    env: {},
    cwd: '/etc/chill',
    home: '/home/me',
    readFile: () => file,
  })
}

function problemsOf(file: string, flags: Record<string, unknown> = {}): readonly string[] {
  try {
    load(file, flags)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('pools of GPUs', () => {
  test('have a number of GPUs or a list of devices; a backend needs one of them unless it says more', () => {
    const { gpuPools, backends } = load(`
      gpuPools: { main: { gpus: 2 } }
      backends:
        - { name: a, pool: main }
        - { name: b, pool: main, gpus: 2 }
    `)
    expect(gpuPools).toEqual({ main: { gpus: 2, devices: undefined } })
    expect(backends).toMatchObject([
      { pool: 'main', poolGpus: 1, gpus: undefined },
      { pool: 'main', poolGpus: 2, gpus: undefined },
    ])
    const file = 'gpuPools: { x: { devices: "2,3" }, y: { gpus: 1, devices: [4] } }'
    expect(load(file).gpuPools).toEqual({
      x: { gpus: 2, devices: ['2', '3'] },
      y: { gpus: 1, devices: ['4'] },
    })
  })

  test('may be given by a flag, as YAML', () => {
    expect(load('', { gpuPools: '{main: {gpus: 4}}' }).gpuPools).toEqual({
      main: { gpus: 4, devices: undefined },
    })
  })

  test.each([
    ['main', 'x.yaml: gpuPools: expected a map of pools, such as {main: {gpus: 2}}'],
    ['{ main: 2 }', 'x.yaml: gpuPools.main: expected a map, such as {gpus: 2}'],
    ['{ main: { gpu: 2 } }', 'x.yaml: gpuPools.main.gpu: unknown field; did you mean gpus?'],
    ['{ main: {} }', 'x.yaml: gpuPools.main: say how many `gpus` it has'],
    [
      '{ main: { gpus: two } }',
      'x.yaml: gpuPools.main.gpus: "two" is not understood; expected how many GPUs it has, such as 2',
    ],
    [
      '{ main: { gpus: 3, devices: "0,1" } }',
      'x.yaml: gpuPools.main: has 3 `gpus`, but 2 `devices`; leave one of the two out',
    ],
  ])('that are %s are refused with what is wrong', (pools, problem) => {
    expect(problemsOf(`gpuPools: ${pools}`)).toEqual([problem])
  })

  test('refuse a backend that could never fit, and one of a pool that is not there', () => {
    const file = `
      gpuPools: { main: { gpus: 2 } }
      backends:
        - { name: a, pool: main, gpus: 3 }
        - { name: b, pool: mian }
        - { name: c, pool: main, gpus: "0,1" }
    `
    expect(problemsOf(file)).toEqual([
      'x.yaml: backends[2].gpus: "0,1" is not understood; expected how many GPUs of its pool it needs, such as 1',
      'backends[0].gpus: needs 3 GPUs of pool main, which has 2, so it could never start; lower it, or raise `gpuPools.main.gpus`',
      'backends[1].pool: mian is none of `gpuPools` (main); did you mean main?',
    ])
  })

  test('share no device with each other or with a backend that has its own', () => {
    expect(problemsOf('gpuPools: { x: { devices: "0,1" }, y: { devices: "1" } }')).toEqual([
      'gpuPools.y.devices: 1 is of pool x too; each device is of one pool',
    ])
    expect(problemsOf('gpuPools: { x: { gpus: 1 }, y: { devices: "1" } }')).toEqual([
      'gpuPools.x: with several pools, say which `devices` each has, such as "0,1"',
    ])
    const file = `
      gpuPools: { main: { gpus: 2 } }
      backends: [{ name: a, pool: main }, { name: b, gpus: 1 }]
    `
    expect(problemsOf(file)[0]).toMatch(/^backends\[1\]\.gpus: device 1 is of pool main; give/)
  })

  test('in a cluster leave the devices to it, and agree with what pods ask for', () => {
    const kubernetes = { driver: 'kubernetes' }
    expect(problemsOf('gpuPools: { main: { devices: "0,1" } }', kubernetes)).toEqual([
      'gpuPools.main.devices: the cluster chooses the devices; say how many `gpus` it has',
    ])
    const file = (more: string) => `
      gpuPools: { main: { gpus: 4 } }
      backends: [{ name: a, pool: main, pod: { gpuCount: 2 }${more} }]
    `
    expect(load(file(''), kubernetes).backends[0]?.poolGpus).toBe(2)
    expect(problemsOf(file(', gpus: 1'), kubernetes)).toEqual([
      'backends[0].gpus: is 1, but its pods ask for 2 (`pod.gpuCount`); give the same, or leave one out',
    ])
  })
})
