import type { Catalogue } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'
import { servedName } from './commands.ts'
import { withoutSecrets } from './without-secrets.ts'

/** `GET /proxy/models/manifest?model=NAME`: with every default filled in, and without its secrets. */
export function manifestAnswer(url: URL, catalogue: Catalogue) {
  const asked = url.searchParams.get('model')
  if (asked === null) {
    throw new ChillError('bad_request', 'Name the model: ?model=NAME.', { param: 'model' })
  }
  const name = servedName(asked, catalogue)
  const { source, manifest } = catalogue.find(name)!
  const { apiVersion, kind, spec } = manifest
  // Annotations are left out: `kubectl apply` keeps a copy of the whole manifest in one.
  const { name: called, namespace, labels } = manifest.metadata
  const metadata = { name: called, ...(namespace && { namespace }), ...(labels && { labels }) }
  return {
    model: name,
    source,
    manifest: { apiVersion, kind, metadata, spec: withoutSecrets(spec) },
  }
}
