import { describe, expect, it } from 'vitest'
import { definitionsOf } from '../../../src/cli/serve/backends.ts'
import { loadSettings } from '../../../src/config/index.ts'
import { SimulatedCatalogue } from '../admission/simulated-catalogue.ts'

function only(catalogue: SimulatedCatalogue, flags: Record<string, unknown> = {}) {
  const settings = loadSettings({ flags: { enableModelSwitch: false, ...flags }, env: {} })
  const [definition] = definitionsOf(settings, catalogue)
  return () => definition?.models
}

describe('a backend without model switching', () => {
  it('serves the first model, and keeps to it when others come before it', () => {
    const catalogue = new SimulatedCatalogue([])
    const models = only(catalogue)
    expect(models()).toEqual([])
    catalogue.put('b', '1')
    expect(models()).toEqual(['b'])
    catalogue.put('a', '1')
    expect(models()).toEqual(['b'])
    catalogue.remove('b')
    expect(models()).toEqual(['a'])
  })

  it('serves the default model', () => {
    expect(only(new SimulatedCatalogue(['a', 'b']), { defaultModel: 'b' })()).toEqual(['b'])
  })

  it('is not restricted with switching on', () => {
    const settings = loadSettings({ flags: {}, env: {} })
    expect(definitionsOf(settings, new SimulatedCatalogue(['a']))[0]?.models).toBeUndefined()
  })
})
