import { readChart } from './graph.ts'
import { layOut, type Layout } from './layout.ts'
import { charts, type ChartName } from './named.ts'

const known = new Map<ChartName, Promise<Layout>>()

/**
 * Where everything of a chart goes, worked out once. In the package this file is replaced by its own
 * results (`build.ts`): the layout library is larger than half of all the rest.
 */
export function layoutOf(name: ChartName): Promise<Layout> {
  const { machine, main } = charts[name]
  const layout = known.get(name) ?? layOut(readChart(machine), main)
  known.set(name, layout)
  return layout
}
