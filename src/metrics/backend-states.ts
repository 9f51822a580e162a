import { backendMachine } from '../../machines/index.ts'

interface Chart {
  readonly states: Readonly<Record<string, Chart>>
}

/** As `vllm-chill status` names them; `observing` before it is known what is there. */
export const backendStates: readonly string[] = ['observing', ...leavesOf(backendMachine.root)]

function leavesOf({ states }: Chart): string[] {
  return Object.entries(states).flatMap(([name, inner]) => {
    const leaves = leavesOf(inner)
    return leaves.length === 0 ? [name] : leaves.map((leaf) => `${name}.${leaf}`)
  })
}
