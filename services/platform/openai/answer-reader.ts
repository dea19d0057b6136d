import { createParser, type EventSourceParser } from 'eventsource-parser'

/** What a chat completion said, put together from a JSON body or an event stream. */
export interface Answer {
  readonly text: string
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[]
  readonly finishReason: string | null
  readonly refusal: string | null
  readonly model: string | null
  readonly usage: Usage | null
  /** Error object that came inside the body, also inside a stream that began with status 200. */
  readonly error: { readonly type: string | null; readonly code: string | null } | null
  /** When the first content, refusal or tool-call fragment was read; for JSON bodies the end of the body. Null when nothing came. */
  readonly firstTokenAtMs: number | null
  /** The body ended as its format demands: parsable JSON, or `[DONE]` or a finish reason in a stream. */
  readonly complete: boolean
  /** Text above the limit was dropped; counts and usage still hold. */
  readonly truncated: boolean
}

export interface Usage {
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly cachedTokens: number | null
}

/** Reads one answer chunk by chunk. Never throws for what a provider sends: garbage ends as `complete: false`. */
export interface AnswerReader {
  push(chunk: Uint8Array, atMs: number): void
  end(atMs: number): Answer
}

const defaultTextBytesMax = 8 * 1024 * 1024
const toolCallsMax = 128

/** `streamed` by the response's content type (`text/event-stream`), not by what was asked for. */
export function createAnswerReader(options: {
  readonly streamed: boolean
  readonly textBytesMax?: number
}): AnswerReader {
  const textBytesMax = options.textBytesMax ?? defaultTextBytesMax
  return options.streamed ? createStreamReader(textBytesMax) : createBodyReader(textBytesMax)
}

function createBodyReader(bytesMax: number): AnswerReader {
  const chunks: Uint8Array[] = []
  let bytes = 0
  return {
    push(chunk) {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(Uint8Array.from(chunk))
    },
    end(atMs) {
      const gathered = createGathered(bytesMax)
      const body = bytes > bytesMax ? null : parseObject(Buffer.concat(chunks).toString('utf8'))
      gathered.truncated = bytes > bytesMax
      if (body !== null) {
        gathered.complete = true
        absorb(gathered, body, 'message', atMs)
      }
      return finished(gathered)
    },
  }
}

function createStreamReader(textBytesMax: number): AnswerReader {
  const gathered = createGathered(textBytesMax)
  const decoder = new TextDecoder('utf-8')
  let nowMs = 0
  const parser: EventSourceParser = createParser({
    maxBufferSize: textBytesMax,
    onEvent: (event) => {
      if (event.data === '[DONE]') {
        gathered.complete = true
        return
      }
      const chunk = parseObject(event.data)
      if (chunk !== null) absorb(gathered, chunk, 'delta', nowMs)
    },
  })
  const feed = (text: string) => {
    try {
      parser.feed(text)
    } catch {
      // A single event above the buffer limit ends the parser; what came before still counts.
      gathered.truncated = true
    }
  }
  return {
    push(chunk, atMs) {
      nowMs = atMs
      feed(decoder.decode(chunk, { stream: true }))
    },
    end(atMs) {
      nowMs = atMs
      feed(decoder.decode())
      if (gathered.finishReason !== null) gathered.complete = true
      return finished(gathered)
    },
  }
}

interface Gathered {
  readonly text: string[]
  readonly refusal: string[]
  readonly tools: Map<number, { name: string; arguments: string }>
  finishReason: string | null
  model: string | null
  usage: Usage | null
  error: Answer['error']
  firstTokenAtMs: number | null
  complete: boolean
  truncated: boolean
  bytesLeft: number
}

function createGathered(textBytesMax: number): Gathered {
  return {
    text: [],
    refusal: [],
    tools: new Map(),
    finishReason: null,
    model: null,
    usage: null,
    error: null,
    firstTokenAtMs: null,
    complete: false,
    truncated: false,
    bytesLeft: textBytesMax,
  }
}

function finished(gathered: Gathered): Answer {
  return {
    text: gathered.text.join(''),
    toolCalls: [...gathered.tools].sort(([a], [b]) => a - b).map(([, call]) => call),
    finishReason: gathered.finishReason,
    refusal: gathered.refusal.length > 0 ? gathered.refusal.join('') : null,
    model: gathered.model,
    usage: gathered.usage,
    error: gathered.error,
    firstTokenAtMs: gathered.firstTokenAtMs,
    complete: gathered.complete,
    truncated: gathered.truncated,
  }
}

type Json = Readonly<Record<string, unknown>>

/** Takes what a whole body or one stream chunk says. Only the first choice is evidence: more choices are more draws of the same arm. */
function absorb(gathered: Gathered, body: Json, part: 'message' | 'delta', atMs: number): void {
  gathered.model ??= nameOf(body['model'])
  const error = objectOf(body['error'])
  if (error !== null) gathered.error = { type: nameOf(error['type']), code: nameOf(error['code']) }
  const usage = objectOf(body['usage'])
  if (usage !== null) gathered.usage = usageOf(usage)
  const choices = Array.isArray(body['choices']) ? body['choices'] : []
  const choice = choices.map(objectOf).find((candidate) => candidate !== null && (candidate['index'] ?? 0) === 0)
  if (choice === undefined || choice === null) return
  gathered.finishReason = nameOf(choice['finish_reason']) ?? gathered.finishReason
  const message = objectOf(choice[part])
  if (message === null) return
  const spoke = [
    append(gathered, gathered.text, message['content']),
    append(gathered, gathered.refusal, message['refusal']),
    tools(gathered, message['tool_calls']),
  ]
  if (spoke.some(Boolean)) gathered.firstTokenAtMs ??= atMs
}

function append(gathered: Gathered, to: string[], value: unknown): boolean {
  const text = stringOf(value)
  if (text === null || text === '') return false
  gathered.bytesLeft -= text.length
  if (gathered.bytesLeft >= 0) to.push(text)
  else gathered.truncated = true
  return true
}

/** Stream fragments of one tool call share an index; names and arguments are concatenated in order. */
function tools(gathered: Gathered, value: unknown): boolean {
  if (!Array.isArray(value)) return false
  value.map(objectOf).forEach((call, position) => {
    if (call === null) return
    const index = typeof call['index'] === 'number' ? call['index'] : position
    const described = objectOf(call['function'])
    const known = gathered.tools.get(index) ?? { name: '', arguments: '' }
    if (!gathered.tools.has(index) && gathered.tools.size >= toolCallsMax) {
      gathered.truncated = true
      return
    }
    const name = stringOf(described?.['name']) ?? ''
    const fragment = stringOf(described?.['arguments']) ?? ''
    gathered.bytesLeft -= name.length + fragment.length
    if (gathered.bytesLeft >= 0)
      gathered.tools.set(index, { name: known.name + name, arguments: known.arguments + fragment })
    else gathered.truncated = true
  })
  return value.length > 0
}

function usageOf(usage: Json): Usage {
  const details = objectOf(usage['prompt_tokens_details'])
  return {
    inputTokens: count(usage['prompt_tokens']),
    outputTokens: count(usage['completion_tokens']),
    cachedTokens: count(details?.['cached_tokens']),
  }
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Names are short; whatever a provider writes in their place must not swell what is made of it. */
const nameLengthMax = 256

function nameOf(value: unknown): string | null {
  return stringOf(value)?.slice(0, nameLengthMax) ?? null
}

function objectOf(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null
}

function parseObject(text: string): Json | null {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return null
  }
}
