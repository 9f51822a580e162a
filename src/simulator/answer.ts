import { type Json, isObject } from './fields.ts'
import { splitTokens } from './tokens.ts'

export interface Tool {
  readonly name: string
  /** JSON schema of the arguments. */
  readonly parameters: Json
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

/** What a request asks for, whichever API it came by. */
export interface Wish {
  /** The last message, which is echoed. */
  readonly said: string
  readonly tools: readonly Tool[]
  readonly toolChoice: ToolChoice
  readonly maxTokens: number | undefined
  readonly minTokens: number
  /** Goes on until `maxTokens`, repeating itself: how a test gets a long stream. */
  readonly ignoreEos: boolean
  readonly stop: readonly string[]
}

export interface Answer {
  readonly kind: 'text' | 'tool'
  /** The text, or the JSON of the tool's arguments. */
  readonly tokens: readonly string[]
  readonly finish: 'stop' | 'length'
  /** The stop string that ended it. */
  readonly stopString: string | null
  /** The tool that is called. */
  readonly tool: string
}

/** The whole answer, known before the first token is said. */
export function planAnswer(model: string, wish: Wish, garbage: boolean): Answer {
  const tool = garbage ? undefined : chosenTool(wish)
  if (tool !== undefined) {
    const tokens = splitTokens(JSON.stringify(toolArguments(tool, wish.said)))
    return { kind: 'tool', tokens, finish: 'stop', stopString: null, tool: tool.name }
  }
  // Exclamation marks are what a vLLM with scrambled weights really says.
  const full = garbage ? '! ! ! ! ! ! ! !' : `[${model}] you said: ${wish.said}`
  const { text, stopString } = cutAtStop(full, wish.stop)
  const tokens = repeated(splitTokens(text), wish)
  const limit = wish.maxTokens ?? Infinity
  const cut = tokens.length > limit
  return {
    kind: 'text',
    tokens: cut ? tokens.slice(0, limit) : tokens,
    finish: cut || (wish.ignoreEos && tokens.length === limit) ? 'length' : 'stop',
    stopString: cut ? null : stopString,
    tool: '',
  }
}

function chosenTool({ tools, toolChoice, said }: Wish): Tool | undefined {
  if (toolChoice === 'none') return undefined
  if (toolChoice === 'required') return tools.find(({ name }) => said.includes(name)) ?? tools[0]
  if (toolChoice === 'auto') return tools.find(({ name }) => said.includes(name))
  return tools.find(({ name }) => name === toolChoice.name)
}

/** Fills the required properties, or else the first: strings get the message, others the least. */
function toolArguments({ parameters }: Tool, said: string): Json {
  const properties = isObject(parameters['properties']) ? parameters['properties'] : {}
  const names = Array.isArray(parameters['required']) ? parameters['required'].map(String) : []
  const wanted = names.length > 0 ? names : Object.keys(properties).slice(0, 1)
  return Object.fromEntries(wanted.map((name) => [name, leastValue(properties[name], said)]))
}

function leastValue(schema: unknown, said: string): unknown {
  if (!isObject(schema)) return said
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  const least: Json = { number: 0, integer: 0, boolean: false, array: [], object: {}, null: null }
  const type = String(schema['type'])
  return type in least ? least[type] : said
}

function cutAtStop(text: string, stops: readonly string[]) {
  let at = text.length
  let stopString: string | null = null
  for (const stop of stops) {
    const found = stop === '' ? -1 : text.indexOf(stop)
    if (found >= 0 && found < at) {
      at = found
      stopString = stop
    }
  }
  return { text: text.slice(0, at), stopString }
}

function repeated(tokens: string[], { ignoreEos, maxTokens, minTokens }: Wish): string[] {
  const least = ignoreEos ? (maxTokens ?? minTokens) : minTokens
  if (tokens.length === 0 || tokens.length >= least) return tokens
  return Array.from({ length: least }, (_, index) => {
    const token = tokens[index % tokens.length] ?? ''
    return index > 0 && index % tokens.length === 0 ? ` ${token}` : token
  })
}
