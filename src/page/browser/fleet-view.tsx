import { BackendCard } from './backend-card.tsx'
import { backends, models } from './fleet.ts'

export function FleetView() {
  return (
    <section id="fleet" tabIndex={-1} aria-labelledby="fleet-title">
      <h2 id="fleet-title" class={backends.value.length === 1 ? 'hidden' : undefined}>
        Fleet
      </h2>
      <div class="cards">
        {backends.value.map((backend) => (
          <BackendCard key={backend.name} backend={backend} />
        ))}
      </div>
      <Problems />
    </section>
  )
}

/** Manifests that a person must mend. */
function Problems() {
  const { problems } = models.value
  if (problems.length === 0) return null
  return (
    <div class="failure" role="group" aria-label="Manifests to mend">
      <p class="what">
        <strong>Manifests to mend</strong>
      </p>
      <ul>
        {problems.map(({ source, message }) => (
          <li key={source + message}>
            <code>{source}</code> {message}
          </li>
        ))}
      </ul>
    </div>
  )
}
