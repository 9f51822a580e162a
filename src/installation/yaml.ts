import { stringify } from 'yaml'

/**
 * Documents in the order given, keys in the order written, lines as long as they are. kubectl reads YAML
 * 1.1, where a bare `off` is no text.
 */
export function toYaml(objects: readonly object[]): string {
  return objects
    .map((object) =>
      stringify(object, { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' }),
    )
    .join('---\n')
}
