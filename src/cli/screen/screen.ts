/** A terminal that can be drawn on. */
export interface Screen {
  columns(): number
  rows(): number
  write(text: string): void
  onResize(listener: () => void): () => void
  /**
   * Around a suspension by Ctrl-Z, so that the shell gets its own screen back and we ours; `leave` also
   * runs when the program ends in any way that lets it.
   */
  whileHidden(hooks: { readonly leave: () => void; readonly enter: () => void }): () => void
}

/** Standard output, unless it leads elsewhere or cannot place a cursor. */
export function processScreen(): Screen | undefined {
  const { stdout, env } = process
  if (!stdout.isTTY || env['TERM'] === 'dumb') return undefined
  return {
    columns: () => stdout.columns || Number(env['COLUMNS']) || 80,
    rows: () => stdout.rows || Number(env['LINES']) || 24,
    write: (text) => void stdout.write(text),
    onResize: (listener) => {
      stdout.on('resize', listener)
      return () => void stdout.off('resize', listener)
    },
    whileHidden: ({ leave, enter }) => {
      const onStop = () => {
        leave()
        process.kill(process.pid, 'SIGSTOP')
      }
      process.on('SIGTSTP', onStop).on('SIGCONT', enter).on('exit', leave)
      return () => void process.off('SIGTSTP', onStop).off('SIGCONT', enter).off('exit', leave)
    },
  }
}
