import { isObject } from './fields.ts'
import { countTokens } from './tokens.ts'

/** The text of a message: a string, or the text parts of a list; pictures and sound say nothing. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (isObject(content)) return textOf(content['text'] ?? content['content'] ?? content['output'])
  if (Array.isArray(content)) {
    return content
      .map((part) => textOf(part))
      .filter((text) => text !== '')
      .join(' ')
  }
  return ''
}

export interface Conversation {
  /** Text of the last message. */
  readonly said: string
  readonly promptTokens: number
}

/**
 * Reads messages in the shape of any of the APIs: objects with `content`, or Responses items.
 * @param system what stands before them, if the API keeps it apart
 */
export function readConversation(messages: readonly unknown[], system: unknown = ''): Conversation {
  const texts = messages.map((message) => textOf(message))
  const promptTokens = [textOf(system), ...texts].reduce((sum, text) => sum + countTokens(text), 0)
  return { said: texts.at(-1) ?? '', promptTokens }
}

/** True when the last message brings a tool's result, which is then answered in words. */
export function endsWithToolResult(messages: readonly unknown[]): boolean {
  const last = messages.at(-1)
  if (!isObject(last)) return false
  const parts: readonly unknown[] = Array.isArray(last['content']) ? last['content'] : []
  return (
    last['role'] === 'tool' ||
    last['type'] === 'function_call_output' ||
    parts.some((part) => isObject(part) && part['type'] === 'tool_result')
  )
}
