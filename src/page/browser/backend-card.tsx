import { useSignal } from '@preact/signals'
import { BackendLog } from './backend-log.tsx'
import { now } from './clock.ts'
import { holdDown, release, unloadModel } from './commands.ts'
import { backends, chooseBackend, chosenBackend, stats, type SeenBackend } from './fleet.ts'
import { counted, duration, elapsed, gpuTime, isUp, stateWords } from './words.ts'
import { FailureNote } from './failure-note.tsx'

export function BackendCard({ backend }: { backend: SeenBackend }) {
  const { name, state, model, target, held, because, since, leases, endpoints, models } = backend
  const { words, tone } = stateWords(state)
  const places = endpoints.reduce((sum, { maxInFlight }) => sum + maxInFlight, 0)
  const isChosen = backends.value.length > 1 && chosenBackend.value?.name === name
  const showsLog = useSignal(false)
  return (
    <article
      class={`card backend tone-${tone}`}
      aria-labelledby={`backend-${name}`}
      data-backend={name}
    >
      <div class="head">
        <h3 id={`backend-${name}`}>{name}</h3>
        {held && <span class="tag">held down</span>}
        {backend.leads === false && <span class="tag">follows</span>}
        <span class="pill" data-state={state} title={state}>
          <span class="dot" aria-hidden="true" />
          {words}
        </span>
      </div>
      <p class="model">
        {model === undefined || !isUp(state) ? <span class="faint">no model loaded</span> : model}
        {target !== undefined && target !== model && (
          <>
            <span aria-label="turning to"> → </span>
            {target}
          </>
        )}
      </p>
      <p class="faint because">
        for {elapsed(now.value - Date.parse(since))}
        {because !== undefined && <> · {because}</>}
      </p>
      <LoadProgress backend={backend} />
      <dl class="numbers">
        <div>
          <dt>In flight</dt>
          <dd>
            {leases}
            {places > 0 && <small> of {places}</small>}
          </dd>
        </div>
        <div>
          <dt>Waiting</dt>
          <dd>{backend.waiting.reduce((sum, { count }) => sum + count, 0)}</dd>
        </div>
        <GpuHeld backend={name} />
      </dl>
      <Waiters backend={backend} />
      <Blockers backend={backend} />
      {backend.failures.map((failure) => (
        <FailureNote key={failure.model} failure={failure} seenAt={backend.seenAt} />
      ))}
      {models && <p class="faint">May serve {models.join(', ')}.</p>}
      <div class="buttons">
        <button type="button" aria-pressed={isChosen} onClick={() => showChart(name)}>
          Chart
        </button>
        <button type="button" onClick={() => (showsLog.value = true)}>
          Log
        </button>
        {model !== undefined && isUp(state) && (
          <button type="button" onClick={() => void unloadModel(model)}>
            Unload
          </button>
        )}
        {held ? (
          <button type="button" onClick={() => void release(backend)}>
            Release
          </button>
        ) : (
          <button type="button" onClick={() => void holdDown(backend)}>
            Hold down
          </button>
        )}
      </div>
      {showsLog.value && <BackendLog backend={name} onClose={() => (showsLog.value = false)} />}
    </article>
  )
}

function GpuHeld({ backend }: { backend: string }) {
  const time = stats.value?.gpu?.backends?.find((one) => one.backend === backend)
  if (!time) return null
  return (
    <div>
      <dt>GPU held</dt>
      <dd>
        {gpuTime(time.heldSeconds)} <small>{gpuTime(time.savedSeconds)} saved</small>
      </dd>
    </div>
  )
}

function showChart(name: string): void {
  chooseBackend(name)
  document.querySelector('#chart')?.scrollIntoView({ block: 'nearest' })
}

/** How far a start is, beside how long it usually takes. */
function LoadProgress({ backend: { progress, seenAt, model } }: { backend: SeenBackend }) {
  if (!progress) return null
  const { phase, detail, usualMs } = progress
  const ms = progress.elapsedMs + Math.max(0, now.value - seenAt)
  const usual = usualMs === undefined ? 'first load here' : `usually ${duration(usualMs)}`
  return (
    <div class="load">
      <p>
        <strong>{phase}</strong>
        <span class="faint">
          {elapsed(ms)} · {usual}
        </span>
      </p>
      <progress
        aria-label={`loading ${model}`}
        max={1}
        value={usualMs === undefined ? undefined : Math.min(1, ms / usualMs)}
      />
      {detail !== undefined && <p class="faint detail">{detail}</p>}
    </div>
  )
}

function Waiters({ backend: { waiting, seenAt, model, state } }: { backend: SeenBackend }) {
  if (waiting.length === 0) return null
  const since = Math.max(0, now.value - seenAt)
  return (
    <ul class="rows waiters">
      {waiting.map((one) => (
        <li key={one.model}>
          <span>
            <strong>{one.count}</strong> for {one.model}
            {one.model !== model && isUp(state) && <span class="faint"> (another model)</span>}
          </span>
          <span class="faint">oldest {elapsed(one.oldestMs + since)}</span>
        </li>
      ))}
    </ul>
  )
}

function Blockers({ backend: { blocking, seenAt } }: { backend: SeenBackend }) {
  if (blocking.length === 0) return null
  const since = Math.max(0, now.value - seenAt)
  return (
    <details class="note" open={blocking.length < 4}>
      <summary>Waits for {counted(blocking.length, 'request')} to end</summary>
      <ul class="rows">
        {blocking.map(({ id, path, sinceMs }) => (
          <li key={id}>
            <code>{path}</code>
            <span class="faint">{elapsed(sinceMs + since)}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}
