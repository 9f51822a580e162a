import { describe, expect, it } from 'vitest'
import type { V1Container } from '@kubernetes/client-node'
import { servedNames } from '../../../../../src/drivers/kubernetes/index.ts'

const names = (container: Partial<V1Container>, data: Record<string, string> = {}) =>
  servedNames(
    { spec: { selector: {}, template: { spec: { containers: [{ name: 'c', ...container }] } } } },
    { data },
  )

const fromKey = (name: string, key: string) => ({
  name,
  valueFrom: { configMapKeyRef: { name: 'vllm-config', key } },
})

describe('the names that an existing Deployment serves', () => {
  it.each<[string, Partial<V1Container>, string[]]>([
    [
      'its own',
      { command: ['vllm', 'serve'], args: ['org/m', '--served-model-name', 'a', 'b', '--x'] },
      ['a', 'b'],
    ],
    ['with an equals sign', { args: ['--served-model-name=a'] }, ['a']],
    ['else of its model', { args: ['--model', 'org/m', '--dtype', 'half'] }, ['org/m']],
    ['behind serve', { command: ['vllm', 'serve', 'org/m'] }, ['org/m']],
    [
      'in a line for a shell',
      { command: ['sh', '-c', 'exec vllm serve "org/m" --max-model-len 5'] },
      ['org/m'],
    ],
    ['none where it is not told', { image: 'x' }, []],
    ['none where a flag follows', { command: ['vllm', 'serve', '--config', 'x'] }, []],
  ])('are %s', (_, container, expected) => {
    expect(names(container)).toEqual(expected)
  })

  it('are looked up in its variables and the ConfigMap, in the shell and out of it', () => {
    const env = [fromKey('NAME', 'SERVED_MODEL_NAME'), { name: 'M', value: 'org/m' }]
    const data = { SERVED_MODEL_NAME: 'a' }
    expect(names({ env, args: ['--served-model-name', '$(NAME)'] }, data)).toEqual(['a'])
    expect(
      names({ env, command: ['sh', '-c', 'vllm serve ${M} --served-model-name $NAME'] }, data),
    ).toEqual(['a'])
    expect(names({ env, args: ['--model', '$(M)'] })).toEqual(['org/m'])
  })
})
