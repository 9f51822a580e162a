export interface ServerEvent {
  readonly type: string
  readonly data: string
  readonly id: string | undefined
}

export interface ServerEventLines {
  readonly onEvent: (event: ServerEvent) => void
  /** `: like this`; keeps a line alive, and tells who waits how far it is. */
  readonly onComment?: (text: string) => void
  /** Something came, whatever it was. */
  readonly onBytes?: () => void
}

/**
 * Reads server-sent events to the end of the body. `EventSource` would do it, but sends no headers, and so
 * the token would have to stand in the address.
 */
export async function readServerEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { onEvent, onComment, onBytes }: ServerEventLines,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let fields = new Map<string, string>()

  function line(text: string): void {
    if (text === '') {
      const data = fields.get('data')
      if (data !== undefined) {
        onEvent({ type: fields.get('event') ?? 'message', data, id: fields.get('id') })
      }
      fields = new Map()
      return
    }
    if (text.startsWith(':')) {
      onComment?.(text.slice(1).trim())
      return
    }
    const [, name = text, value = ''] = /^([^:]*): ?(.*)$/.exec(text) ?? []
    const before = name === 'data' ? fields.get('data') : undefined
    fields.set(name, before === undefined ? value : `${before}\n${value}`)
  }

  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    onBytes?.()
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const each of lines) line(each)
  }
}
