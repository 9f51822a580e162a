import { open } from './api.ts'
import type { ChartEdge } from './wire.ts'

type Policy = { createHTML(text: string): string }
type PolicyMaker = { createPolicy(name: string, rules: Policy): Policy }

/** The only text that this page ever turns into elements; what could run in it is taken out below. */
const chartPolicy = (globalThis as { trustedTypes?: PolicyMaker }).trustedTypes?.createPolicy(
  'chart',
  {
    createHTML: (text) => text,
  },
)

/** The chart as the program draws it from its machine. */
export async function readDrawing(address: string): Promise<SVGSVGElement> {
  const text = await (await open(address)).text()
  const source = chartPolicy?.createHTML(text) ?? text
  const drawn = new DOMParser().parseFromString(source, 'image/svg+xml').documentElement
  if (!(drawn instanceof SVGSVGElement)) throw new Error(`${address} is no drawing`)
  for (const element of drawn.querySelectorAll('script, style, foreignObject')) element.remove()
  return document.importNode(drawn, true)
}

/** The parts of a drawing that can light up. */
export function partsOf(drawing: SVGSVGElement) {
  const states = [...drawing.querySelectorAll<SVGGElement>('[data-state]')]
  const edges = [...drawing.querySelectorAll<SVGGElement>('[data-edge]')]
  return {
    /** Lights the state and what it is inside of. */
    light(state: string): void {
      for (const element of states) {
        const name = element.dataset['state'] ?? ''
        element.classList.toggle('lit', name === state)
        element.classList.toggle('around', state.startsWith(`${name}.`))
      }
    },
    /** Shows that this way was just taken, and where it led. */
    flash({ source, target, event, guard = '' }: ChartEdge, to: string): void {
      for (const element of edges) {
        const { edge, target: end, event: name = '', guard: condition = '' } = element.dataset
        if (edge === source && end === target && name === event && condition === guard)
          again(element)
      }
      for (const element of states) if (element.dataset['state'] === to) again(element)
    },
    /** Undefined for a state that is not drawn, such as before the first look. */
    find: (state: string) => states.find((element) => element.dataset['state'] === state),
  }
}

/** An animation starts over only when the class was away in between. */
function again(element: SVGGElement): void {
  element.classList.remove('flash')
  element.getBoundingClientRect()
  element.classList.add('flash')
}
