import type { Screen } from './screen.ts'

const enter = '\u001B[?1049h\u001B[?25l\u001B[?7l'
const leave = '\u001B[?7h\u001B[?25h\u001B[?1049l'
const home = '\u001B[H'
const endOfLine = '\u001B[K'
const below = '\u001B[J'

export interface LiveView {
  /** Draws again what `lines` says now. */
  readonly draw: () => void
  /** Gives the terminal back as it was. */
  readonly close: () => void
}

/**
 * Takes the whole screen (the alternate one, so that what was there comes back) and shows lines that fit
 * into `columns`; those that do not fit below one another are counted instead.
 */
export function openLiveView(
  screen: Screen,
  lines: (columns: number) => readonly string[],
): LiveView {
  let isShown = false
  const draw = () => {
    if (!isShown) return
    const shown = cropped(lines(screen.columns()), screen.rows())
    screen.write(home + shown.map((line) => line + endOfLine).join('\r\n') + below)
  }
  const hooks = {
    leave: () => {
      if (isShown) screen.write(leave)
      isShown = false
    },
    enter: () => {
      if (!isShown) screen.write(enter)
      isShown = true
      draw()
    },
  }
  const stops = [screen.onResize(draw), screen.whileHidden(hooks)]
  hooks.enter()
  return {
    draw,
    close: () => {
      for (const stop of stops) stop()
      hooks.leave()
    },
  }
}

function cropped(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines
  const kept = lines.slice(0, rows - 1)
  return [...kept, `… ${lines.length - kept.length} more`]
}
