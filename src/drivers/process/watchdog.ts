import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { markerName } from './marker.ts'
import type { DriverLog } from './options.ts'

/**
 * Ends a backend's group when the program cannot any more: a shell in a session of its own that reads
 * from a pipe of which only the program holds the other end. The pipe closes whenever and however the
 * program dies, by SIGKILL too.
 */
export interface Watchdog {
  readonly pid: number | undefined
  /** Tells which group to end. Until then only processes with the marker would be. */
  guard(group: number): void
  /** The group is gone: the watchdog leaves. */
  dismiss(): void
}

/**
 * POSIX sh and nothing else, as every machine has it. Its loops are bounded, since a zombie that
 * nobody reaps answers `kill -0` for ever.
 */
const script = `
marker=$1 grace=$2
read -r group
[ "$group" = done ] && exit 0
[ -n "$group" ] && read -r word && [ "$word" = done ] && exit 0

strays() { grep -ls "$marker" /proc/[0-9]*/environ 2>/dev/null; }
send() {
  [ -n "$group" ] && kill -s "$1" -- "-$group" 2>/dev/null
  for file in $(strays); do
    pid=\${file#/proc/}
    kill -s "$1" "\${pid%/environ}" 2>/dev/null
  done
}
alive() {
  [ -n "$group" ] && kill -s 0 -- "-$group" 2>/dev/null && return 0
  [ -n "$(strays)" ]
}
wait_tenths() {
  left=$1
  while [ "$left" -gt 0 ] && alive; do
    if sleep 0.1 2>/dev/null; then left=$((left - 1)); else sleep 1; left=$((left - 10)); fi
  done
}
send TERM
wait_tenths "$grace"
rounds=600
while [ "$rounds" -gt 0 ] && alive; do
  send KILL
  wait_tenths 1
  rounds=$((rounds - 1))
done
`

/** Starts the watchdog of one launch; before the launch, so that there is no moment without it. */
export function startWatchdog(marker: string, graceMs: number, log: DriverLog): Watchdog {
  const tenths = Math.ceil(graceMs / 100)
  const child = spawn(
    '/bin/sh',
    ['-c', script, 'vllm-chill-watchdog', `${markerName}=${marker}`, String(tenths)],
    {
      // A session of its own: neither ^C in the terminal nor the end of the backend's group reaches it.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      // It must not carry the marker itself.
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    },
  )
  let dismissed = false
  // A socket, and missing where the program may open no more files, whatever the type says.
  const stdin = child.stdin as Socket | undefined
  child.unref()
  stdin?.unref()
  stdin?.on('error', () => {
    // Its end is told by 'exit' below.
  })
  child.on('error', (error) => {
    log.warn(
      { err: error },
      'no watchdog: if the program is killed, its next start ends the backend',
    )
  })
  child.on('exit', (code, signal) => {
    if (dismissed) return
    log.warn(
      { code, signal },
      'a watchdog ended early: if the program is killed, its next start ends the backend',
    )
  })
  return {
    pid: child.pid,
    guard(group) {
      stdin?.write(`${group}\n`)
    },
    dismiss() {
      if (dismissed) return
      dismissed = true
      stdin?.end('done\n')
    },
  }
}
