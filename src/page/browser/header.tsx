import { now } from './clock.ts'
import { connection, type Connection } from './connection.ts'
import { backends, hello } from './fleet.ts'
import { ThemeChoice } from './theme.tsx'
import { rememberToken, token } from './token.ts'
import { duration } from './words.ts'
import { reconnect } from './connection.ts'

const told: Readonly<Record<Connection, string>> = {
  connecting: 'Connecting …',
  live: 'Live',
  lost: 'No answer, trying again …',
  stopped: 'Stopped, waiting for it …',
  'token wanted': 'Locked',
}

export function Header() {
  const state = connection.value
  const known = hello.value
  return (
    <header class="top">
      <a class="skip" href="#fleet">
        To the fleet
      </a>
      <h1>
        <Mark />
        vllm-chill
      </h1>
      {known && (
        <p class="faint about">
          {known.version} <span aria-hidden="true">·</span> up{' '}
          {duration(now.value - Date.parse(known.startedAt))}
        </p>
      )}
      <p class={`line ${state.replace(' ', '-')}`} role="status">
        <span class="dot" aria-hidden="true" />
        {told[state]}
      </p>
      <div class="corner">
        <ThemeChoice />
        {token.value !== '' && (
          <button
            type="button"
            onClick={() => {
              rememberToken('')
              reconnect()
            }}
          >
            Forget token
          </button>
        )}
      </div>
    </header>
  )
}

/** What concerns the whole of what is seen. */
export function Banners() {
  const state = connection.value
  const follows = backends.value.filter(({ leads }) => leads === false)
  return (
    <>
      {state === 'lost' && hello.value && (
        <p class="banner trouble">
          The line to vllm-chill is broken. What is shown was so before; it is followed again as
          soon as it answers.
        </p>
      )}
      {state === 'stopped' && (
        <p class="banner">
          vllm-chill was stopped and has said goodbye. What is shown was so before; it is followed
          again when it is back.
        </p>
      )}
      {follows.length > 0 && (
        <p class="banner">
          This program does not lead: it serves what is loaded, and another one loads, switches and
          unloads. Commands given here are refused, with the name of the one that leads.
        </p>
      )}
    </>
  )
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" class="mark">
      <path d="M16 5v22M6.5 10.500l19 11M25.500 10.500l-19 11M12.800 6.800l3.200 3.200 3.200-3.200M12.800 25.200l3.200-3.200 3.200 3.200" />
    </svg>
  )
}
