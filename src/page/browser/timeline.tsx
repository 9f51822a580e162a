import { computed, signal } from '@preact/signals'
import { now } from './clock.ts'
import { hello, history, models } from './fleet.ts'
import { axisOf, barOf, hueOf, mergedSpans, type Bar } from './timeline-scale.ts'
import { duration, stateWords, timeOfDay } from './words.ts'

const windows = [
  ['5 min', 5],
  ['1 h', 60],
  ['6 h', 360],
] as const

const chosen = signal<number | undefined>(undefined)

/** Not much more than there is to see, until somebody chooses. */
const minutes = computed(() => {
  const began = Date.parse(hello.value?.startedAt ?? '')
  return chosen.value ?? (now.value - began > 480_000 ? 60 : 5)
})

/** Which backend had which model when, with loads and waits as they were. */
export function Timeline() {
  const past = history.value
  const until = now.value
  const axis = axisOf(until, minutes.value * 60_000)
  return (
    <section class="card timeline" aria-labelledby="timeline-title">
      <div class="head">
        <h2 id="timeline-title">Timeline</h2>
        <Legend />
        <fieldset class="choice">
          <legend class="hidden">Length</legend>
          {windows.map(([words, length]) => (
            <label key={words}>
              <input
                type="radio"
                name="window"
                checked={minutes.value === length}
                onChange={() => (chosen.value = length)}
              />
              <span>{words}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <div class="tracks">
        {past?.backends.map(({ backend, spans }) => (
          <Track key={backend} name={backend}>
            {mergedSpans(spans).flatMap((span) => {
              const bar = barOf(span.from, span.to, axis)
              return bar ? [<SpanBar key={span.from} {...span} bar={bar} />] : []
            })}
          </Track>
        ))}
        {waitTracks().map(([model, waits]) => (
          <Track key={model} name={model} note="waits" isLow>
            {waits.flatMap(({ from, to, peak }) => {
              const bar = barOf(from, to, axis)
              if (!bar) return []
              const title = `${peak} waited for ${model} at most, ${spanWords(from, to)}`
              return [
                <span key={from} class="bar wait" style={place(bar)} title={title}>
                  {bar.width > 4 && peak}
                </span>,
              ]
            })}
          </Track>
        ))}
        <div class="track axis" aria-hidden="true">
          <span />
          <div>
            {axis.ticks.map(({ at, left }) => (
              <span key={at} style={{ left: `${left}%` }}>
                {timeOfDay(at).slice(0, minutes.value > 10 ? 5 : 8)}
              </span>
            ))}
          </div>
        </div>
      </div>
      <AsTable />
    </section>
  )
}

function Track({
  name,
  note,
  isLow,
  children,
}: {
  name: string
  note?: string
  isLow?: boolean
  children: preact.ComponentChildren
}) {
  return (
    <div class={isLow ? 'track low' : 'track'}>
      <span class="name" title={name}>
        {name} {note !== undefined && <small>{note}</small>}
      </span>
      <div aria-hidden="true">{children}</div>
    </div>
  )
}

interface SpanBarProps {
  readonly state: string
  readonly model?: string | undefined
  readonly from: string
  readonly to: string | null
  readonly bar: Bar
}

function SpanBar({ state, model, from, to, bar }: SpanBarProps) {
  const { words, tone } = stateWords(state)
  const title = `${words}${model === undefined ? '' : `: ${model}`}, ${spanWords(from, to)}`
  const names = models.value.models.map(({ name }) => name)
  const hue = model === undefined ? '' : ` hue-${hueOf(model, names)}`
  return (
    <span class={`bar tone-${tone}${hue}`} style={place(bar)} title={title}>
      {bar.width > 9 && model !== undefined && tone !== 'cold' ? model : ''}
    </span>
  )
}

function place({ left, width }: Bar) {
  return { left: `${left}%`, width: `${width}%` }
}

function spanWords(from: string, to: string | null): string {
  const end = to === null ? now.peek() : Date.parse(to)
  return `${timeOfDay(from)} – ${to === null ? 'now' : timeOfDay(to)} (${duration(end - Date.parse(from))})`
}

function waitTracks() {
  const byModel = Map.groupBy(history.value?.waits ?? [], ({ model }) => model)
  return [...byModel].sort(([a], [b]) => a.localeCompare(b))
}

function Legend() {
  return (
    <p class="legend" aria-hidden="true">
      <span>
        <i class="bar tone-warming hue-0" /> loads
      </span>
      <span>
        <i class="bar tone-ready hue-0" /> serves
      </span>
      <span>
        <i class="bar tone-quiet hue-0" /> quiet
      </span>
      <span>
        <i class="bar tone-leaving hue-0" /> drains, unloads
      </span>
      <span>
        <i class="bar wait" /> waits
      </span>
    </p>
  )
}

/** The same to read. */
function AsTable() {
  const rows = (history.value?.backends ?? [])
    .flatMap(({ backend, spans }) => mergedSpans(spans).map((span) => ({ backend, span })))
    .filter(({ span }) => span.state !== 'cold')
    .sort((a, b) => Date.parse(b.span.from) - Date.parse(a.span.from))
    .slice(0, 60)
  return (
    <details>
      <summary>As a table</summary>
      <div class="scrolls" tabIndex={0} role="region" aria-label="Timeline as a table">
        <table>
          <thead>
            <tr>
              <th>From</th>
              <th>Backend</th>
              <th>Model</th>
              <th>State</th>
              <th class="number">For</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ backend, span: { state, model, from, to } }) => (
              <tr key={`${backend} ${from} ${state}`}>
                <td>{timeOfDay(from)}</td>
                <td>{backend}</td>
                <td>{model}</td>
                <td>{stateWords(state).words}</td>
                <td class="number">
                  {duration((to === null ? now.value : Date.parse(to)) - Date.parse(from))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}
