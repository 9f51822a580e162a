import { signal, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { serverNow } from './clock.ts'
import { connection } from './connection.ts'
import { bringIntoSight, holdStill } from './camera.ts'
import { partsOf, readDrawing } from './drawing.ts'
import { backends, chooseBackend, chosenBackend, transitions } from './fleet.ts'
import { TransitionList } from './transition-list.tsx'
import { stateWords } from './words.ts'

/** A transition that was replayed is not news; ms. */
const newsMs = 4_000

/** The whole chart in small, or a readable part of it that follows what is lit. */
const isWhole = signal(false)

/** The live statechart of one backend, with the last ways it went. */
export function Chart() {
  const backend = chosenBackend.value
  return (
    <section id="chart" class="card" aria-labelledby="chart-title">
      <div class="head">
        <h2 id="chart-title">
          Statechart <small>{backend?.name}</small>
        </h2>
        {backends.value.length > 1 && (
          <label>
            <span class="hidden">Backend</span>
            <select
              value={backend?.name}
              onChange={({ currentTarget }) => chooseBackend(currentTarget.value)}
            >
              {backends.value.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        <fieldset class="choice">
          <legend class="hidden">How much of the chart</legend>
          {[false, true].map((whole) => (
            <label key={String(whole)}>
              <input
                type="radio"
                name="chart-size"
                checked={isWhole.value === whole}
                onChange={() => (isWhole.value = whole)}
              />
              <span>{whole ? 'Whole' : 'Follow'}</span>
            </label>
          ))}
        </fieldset>
        <p class="now" aria-live="polite">
          {backend && (
            <>
              <code>{backend.state}</code>{' '}
              <span class="faint">{stateWords(backend.state).words}</span>
            </>
          )}
        </p>
      </div>
      <div class="split">
        <Drawing />
        <TransitionList />
      </div>
    </section>
  )
}

function Drawing() {
  const window = useRef<HTMLDivElement>(null)
  const place = useRef<HTMLDivElement>(null)
  const parts = useSignal<ReturnType<typeof partsOf> | undefined>(undefined)
  const trouble = useSignal('')
  const isLive = connection.value === 'live'

  useEffect(() => {
    if (!isLive || parts.value) return
    readDrawing('charts/backend.svg?bare').then(
      (drawing) => {
        place.current?.replaceChildren(drawing)
        parts.value = partsOf(drawing)
        trouble.value = ''
      },
      (error: unknown) => (trouble.value = error instanceof Error ? error.message : String(error)),
    )
  }, [isLive])

  useSignalEffect(() => {
    const state = chosenBackend.value?.state
    const known = parts.value
    const isClose = !isWhole.value
    if (state === undefined || !known) return
    known.light(state)
    const lit = known.find(state)
    if (isClose && lit && window.current) bringIntoSight(window.current, lit)
  })
  useSignalEffect(() => {
    const [latest] = transitions.value
    if (!latest?.edge || latest.backend !== chosenBackend.peek()?.name) return
    if (serverNow() - Date.parse(latest.at) < newsMs) parts.peek()?.flash(latest.edge, latest.to)
  })

  return (
    <div
      ref={window}
      class={isWhole.value ? 'drawing whole' : 'drawing'}
      tabIndex={0}
      role="region"
      aria-label="Drawing of the statechart"
      onPointerDown={holdStill}
      onWheel={holdStill}
      onKeyDown={holdStill}
    >
      <div ref={place} />
      {trouble.value !== '' && <p class="empty">The chart cannot be shown: {trouble.value}</p>}
    </div>
  )
}
