/** Who looks around by themselves is left alone for so long, ms. */
const stillMs = 15_000

let touchedAt = -Infinity

/** Somebody moves the drawing by hand. */
export function holdStill(): void {
  touchedAt = performance.now()
}

/** Moves what is seen through the window so that the element is in its middle. */
export function bringIntoSight(window: HTMLElement, element: Element): void {
  if (performance.now() - touchedAt < stillMs) return
  const seen = window.getBoundingClientRect()
  const wanted = element.getBoundingClientRect()
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches
  window.scrollBy({
    left: wanted.left + wanted.width / 2 - seen.left - seen.width / 2,
    top: wanted.top + wanted.height / 2 - seen.top - seen.height / 2,
    behavior: isStill ? 'instant' : 'smooth',
  })
}
