import type { ComponentChildren } from 'preact'
import { backends, stats } from './fleet.ts'
import { gpuTime, isReady } from './words.ts'

/** The fleet in a line. */
export function Totals() {
  const all = backends.value
  const waiting = all.flatMap((backend) => backend.waiting)
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
  const places = sum(
    all.flatMap(({ endpoints }) => endpoints.map(({ maxInFlight }) => maxInFlight)),
  )
  const oldest = Math.max(0, ...waiting.map(({ oldestMs }) => oldestMs))
  return (
    <section class="totals" aria-label="In all">
      <Total name="Backends ready" value={`${all.filter(({ state }) => isReady(state)).length}`}>
        of {all.length}
      </Total>
      <Total name="In flight" value={`${sum(all.map(({ leases }) => leases))}`}>
        {places === 0 ? '' : `of ${places}`}
      </Total>
      <Total name="Waiting" value={`${sum(waiting.map(({ count }) => count))}`}>
        {oldest > 0 ? `oldest ${Math.floor(oldest / 1_000)} s` : 'nobody'}
      </Total>
      <GpuTimeTotal />
    </section>
  )
}

function GpuTimeTotal() {
  const gpu = stats.value?.gpu
  if (!gpu) return null
  const { heldSeconds, servingSeconds, idleSeconds, savedSeconds } = gpu
  const other = Math.max(0, heldSeconds - servingSeconds - idleSeconds)
  const parts = [
    ['serving', servingSeconds],
    ['loading', other],
    ['idle', idleSeconds],
    ['saved', savedSeconds],
  ] as const
  const all = Math.max(1e-9, heldSeconds + savedSeconds)
  return (
    <div class="total gpu">
      <p class="name">GPU time since the start</p>
      <p class="value">
        {gpuTime(savedSeconds)} <small>saved, {gpuTime(heldSeconds)} held</small>
      </p>
      <div class="parts" aria-hidden="true">
        {parts.map(([name, seconds]) => (
          <span key={name} class={name} style={{ flexGrow: seconds / all }} />
        ))}
      </div>
      <p class="legend">
        {parts.map(([name, seconds]) => (
          <span key={name}>
            <i class={name} aria-hidden="true" />
            {name} {Math.round((100 * seconds) / all)} %
          </span>
        ))}
      </p>
    </div>
  )
}

function Total({
  name,
  value,
  children,
}: {
  name: string
  value: string
  children: ComponentChildren
}) {
  return (
    <div class="total">
      <p class="name">{name}</p>
      <p class="value">
        {value} <small>{children}</small>
      </p>
    </div>
  )
}
