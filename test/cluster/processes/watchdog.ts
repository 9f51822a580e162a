import { spawn } from 'node:child_process'

/** Knows what to clean up if this process is killed. */
export interface Watchdog {
  guard(group: number): void
  /** The group has ended: its id may soon be somebody else's. */
  forget(group: number): void
  /** All was cleaned up in order; nothing is left to do. */
  dismiss(): void
}

/** The list lives in the shell's positional parameters, which need no quoting and no files. */
const script = `
folder=$1
shift
while read -r word group; do
  case $word in
    guard) set -- "$@" "$group" ;;
    forget)
      for other; do
        shift
        [ "$other" = "$group" ] || set -- "$@" "$other"
      done ;;
    dismiss) exit 0 ;;
  esac
done
for group; do kill -s KILL -- "-$group" 2>/dev/null; done
sleep 0.2
rm -rf -- "$folder"
`

/**
 * A shell that reads from a pipe of which only this process holds the other end: it closes however
 * the process dies, and then the shell kills the groups and removes the folder.
 */
export function startWatchdog(folder: string): Watchdog {
  const child = spawn('/bin/sh', ['-c', script, 'cluster-watchdog', folder], {
    // Out of reach of ^C in the terminal, which must not end it before us.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  })
  child.unref()
  child.stdin.on('error', () => {})
  const say = (line: string) => void child.stdin.write(`${line}\n`)
  return {
    guard: (group) => say(`guard ${group}`),
    forget: (group) => say(`forget ${group}`),
    dismiss: () => void child.stdin.end('dismiss\n'),
  }
}
