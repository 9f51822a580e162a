import { now } from './clock.ts'
import { cutRequest, refuseRequest } from './commands.ts'
import { requests } from './fleet.ts'
import { bytes, duration, elapsed } from './words.ts'

const mostShown = 50

/** Who is served and who waits. No prompt is in here: the page is never told any. */
export function RequestsView() {
  const { inFlight, waiting, counts, seenAt } = requests.value
  const since = Math.max(0, now.value - seenAt)
  const none = inFlight.length + waiting.length === 0
  return (
    <section class="card" aria-labelledby="requests-title">
      <h2 id="requests-title">
        Requests{' '}
        <small>
          {counts.inFlight} in flight, {counts.waiting} waiting
        </small>
      </h2>
      {none ? (
        <p class="empty">Nobody asks. Try one in the chat below and watch the model wake.</p>
      ) : (
        <div class="scrolls" tabIndex={0} role="region" aria-label="Requests in flight and waiting">
          <table class="requests">
            <thead>
              <tr>
                <th>Request</th>
                <th>Model</th>
                <th class="number">Waited</th>
                <th class="number">Runs</th>
                <th>
                  <span class="hidden">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {waiting.slice(0, mostShown).map((one, index) => (
                <tr key={`${one.id} ${index}`} class="waits">
                  <td>
                    <span class="tag waits">waits</span>
                    <Route path={one.path} id={one.id} />{' '}
                    <span class="faint">{bytes(one.bytes)}</span>
                  </td>
                  <td>{one.model}</td>
                  <td class="number">{elapsed(one.sinceMs + since)}</td>
                  <td class="number">–</td>
                  <td class="number">
                    <button
                      type="button"
                      aria-label={`Refuse ${one.id}`}
                      onClick={() => void refuseRequest(one)}
                    >
                      Refuse
                    </button>
                  </td>
                </tr>
              ))}
              {inFlight.slice(0, mostShown).map((one, index) => (
                <tr key={`${one.id} ${index}`}>
                  <td>
                    <span class="tag flies">{one.backend}</span>
                    <Route path={one.path} id={one.id} />
                  </td>
                  <td>{one.model}</td>
                  <td class="number">{one.waitedMs >= 1 ? duration(one.waitedMs) : '–'}</td>
                  <td class="number">{elapsed(one.sinceMs + since)}</td>
                  <td class="number">
                    <button
                      type="button"
                      aria-label={`Cancel ${one.id}`}
                      onClick={() => void cutRequest(one)}
                    >
                      Cancel
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <NotShown
            count={
              counts.waiting +
              counts.inFlight -
              Math.min(mostShown, waiting.length) -
              Math.min(mostShown, inFlight.length)
            }
          />
        </div>
      )}
    </section>
  )
}

function Route({ path, id }: { path: string; id: string }) {
  return (
    <>
      <code>{path.replace(/^\/v1\//, '')}</code> <code class="faint id">{id}</code>
    </>
  )
}

function NotShown({ count }: { count: number }) {
  return count === 0 ? null : <p class="faint">and {count} more</p>
}
