import { chosenBackend, nameOf, transitions } from './fleet.ts'
import type { Transition } from './wire.ts'
import { duration, timeOfDay } from './words.ts'

const mostShown = 40

/** The last ways of the chosen backend, newest first. */
export function TransitionList() {
  const name = chosenBackend.value?.name
  const own = transitions.value.filter(({ backend }) => backend === name).slice(0, mostShown)
  return (
    <div class="transitions" tabIndex={0} role="region" aria-label="Last transitions">
      {own.length === 0 && <p class="empty">No transition since this page was opened.</p>}
      <ol>
        {own.map((one) => (
          <TransitionItem key={nameOf(one)} transition={one} />
        ))}
      </ol>
    </div>
  )
}

function TransitionItem({ transition }: { transition: Transition }) {
  const { at, from, to, event, guard, because, model, afterMs } = transition
  return (
    <li>
      <p class="way">
        <time dateTime={at}>{timeOfDay(at)}</time>
        <code>{from}</code> <span aria-label="to">→</span> <code>{to}</code>
      </p>
      <p>
        <span class="event">{event}</span>
        {guard !== undefined && guard !== '' && <span class="guard">[{guard}]</span>}
      </p>
      <p class="faint">
        {because}
        {model !== undefined && <> · {model}</>}
        {afterMs !== undefined && <> · after {duration(afterMs)}</>}
      </p>
    </li>
  )
}
