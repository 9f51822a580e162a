import { useSignal } from '@preact/signals'
import { load, pin, switchTo, unloadModel } from './commands.ts'
import { backends, history, models } from './fleet.ts'
import { lastLoadMs } from './last-load.ts'
import { Manifest } from './manifest.tsx'
import type { Backend, Model } from './wire.ts'
import { duration, isUp, stateWords } from './words.ts'

export function ModelsView() {
  const { models: all } = models.value
  return (
    <section class="card" aria-labelledby="models-title">
      <h2 id="models-title">
        Models <small>{all.length}</small>
      </h2>
      {all.length === 0 && (
        <p class="empty">
          No model is known. Put a VLLMModel into the folder or the namespace that is watched.
        </p>
      )}
      <ul class="models">
        {all.map((model) => (
          <ModelRow key={model.name} model={model} />
        ))}
      </ul>
    </section>
  )
}

function ModelRow({ model }: { model: Model }) {
  const { name, aliases, modelName, pinned, waiting, on, failure } = model
  const showsManifest = useSignal(false)
  const place = on[0]
  const tone = place ? stateWords(place.state).tone : failure ? 'trouble' : 'cold'
  const lastLoad = lastLoadMs(history.value, name)
  const facts = [
    ...(place
      ? [`${place.backend}: ${stateWords(place.state).words.toLowerCase()}`]
      : ['not loaded']),
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
    ...(lastLoad === undefined ? [] : [`last load ${duration(lastLoad)}`]),
    model.idleTimeoutMs > 0 ? `rests after ${duration(model.idleTimeoutMs)}` : 'never rests',
    ...(model.priority === 0 ? [] : [`priority ${model.priority}`]),
    ...(aliases.length === 0 ? [] : [`also ${aliases.join(', ')}`]),
  ]
  return (
    <li class={`tone-${tone}`} data-model={name}>
      <div class="who">
        <p>
          <span class="dot" aria-hidden="true" />
          <strong>{name}</strong>
          {pinned && <span class="tag">pinned</span>}
          {failure && <span class="tag bad">{failure.reason}</span>}
        </p>
        <p class="faint">{modelName}</p>
        <p class="faint">{facts.join(' · ')}</p>
      </div>
      <div class="buttons">
        <LoadButton model={model} />
        <button type="button" aria-pressed={pinned === true} onClick={() => void pin(model)}>
          {pinned ? 'Unpin' : 'Pin'}
        </button>
        <button
          type="button"
          aria-expanded={showsManifest.value}
          onClick={() => (showsManifest.value = true)}
        >
          Manifest
        </button>
      </div>
      {showsManifest.value && (
        <Manifest model={name} onClose={() => (showsManifest.value = false)} />
      )}
    </li>
  )
}

/** Load where a GPU is free for it, switch where another model must go first, unload where it is. */
function LoadButton({ model: { name, on } }: { model: Model }) {
  const possible = backends.value.filter(({ models }) => models?.includes(name) ?? true)
  if (backends.value.some((backend) => backend.target === name && backend.model !== name)) {
    return (
      <button type="button" disabled>
        On its way
      </button>
    )
  }
  if (on.some(({ state }) => isUp(state))) {
    return (
      <button type="button" onClick={() => void unloadModel(name)}>
        Unload
      </button>
    )
  }
  const isFree = possible.some(({ state, held }) => state === 'cold' && !held)
  if (isFree || possible.length === 0) {
    return (
      <button type="button" class="strong" onClick={() => void load(name)}>
        Load
      </button>
    )
  }
  return (
    <button type="button" class="strong" onClick={() => void switchTo(name, leastBusy(possible))}>
      Switch
    </button>
  )
}

function leastBusy(possible: readonly Backend[]): Backend | undefined {
  return possible.toSorted((a, b) => a.leases - b.leases)[0]
}
