import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { read, Refused } from './api.ts'
import { Dialog } from './dialog.tsx'
import type { ManifestAnswer } from './wire.ts'
import { yamlOf } from './yaml.ts'

/** A model as it was written; the program masks what is secret in it. */
export function Manifest({ model, onClose }: { model: string; onClose: () => void }) {
  const answer = useSignal<ManifestAnswer | undefined>(undefined)
  const trouble = useSignal('')
  useEffect(() => {
    read<ManifestAnswer>(`models/manifest?model=${encodeURIComponent(model)}`).then(
      (given) => (answer.value = given),
      (error: unknown) =>
        (trouble.value = error instanceof Refused ? error.message : 'vllm-chill does not answer.'),
    )
  }, [model])
  return (
    <Dialog title={`Manifest of ${model}`} wide onClose={onClose}>
      {answer.value && <p class="faint">From {answer.value.source}</p>}
      {trouble.value !== '' && <p class="trouble-text">{trouble.value}</p>}
      <pre class="log" tabIndex={0} aria-label={`Manifest of ${model}`}>
        {answer.value ? yamlOf(answer.value.manifest) : ''}
      </pre>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
