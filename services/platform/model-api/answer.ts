/** What a model's answer said, put together from a JSON body or an event stream. */
export interface Answer {
  readonly text: string
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[]
  /** Vectors of an embedding call, in the order of its inputs; null for every other call. */
  readonly vectors: readonly Float32Array[] | null
  /** As the provider names it (`stop`, `end_turn`, `max_output_tokens` …). */
  readonly finishReason: string | null
  readonly refusal: string | null
  readonly model: string | null
  readonly usage: Usage | null
  /** Error object that came inside the body, also inside a stream that began with status 200. */
  readonly error: AnswerError | null
  /** When the first content, refusal or tool-call fragment was read; for JSON bodies the end of the body. Null when nothing came. */
  readonly firstTokenAtMs: number | null
  /** The body ended as its form demands: parsable JSON, or the end mark or a finish reason in a stream. */
  readonly complete: boolean
  /** Text above the limit was dropped; counts and usage still hold. */
  readonly truncated: boolean
  /** What a stream did that its form does not allow; each at most once. */
  readonly irregular: readonly Irregularity[]
}

/** `garbled`: an event that is no JSON object. `reordered`: content behind the end, or sequence numbers that go back. `oversized`: beyond the limit of one event or of the text. */
export type Irregularity = 'garbled' | 'reordered' | 'oversized'

export interface AnswerError {
  readonly type: string | null
  readonly code: string | null
}

/** Tokens. Input counts what was read from a cache, too, whatever the provider's own form leaves out. */
export interface Usage {
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly cachedTokens: number | null
}

export type Json = Readonly<Record<string, unknown>>

/** An answer under way. Fragments go to numbered parts, so that blocks that arrive out of order end up in theirs. */
export interface Gathered {
  readonly texts: Map<number, string[]>
  readonly refusal: string[]
  readonly tools: Map<number, { name: string; arguments: string }>
  vectors: Float32Array[] | null
  finishReason: string | null
  model: string | null
  usage: Usage | null
  error: AnswerError | null
  firstTokenAtMs: number | null
  complete: boolean
  truncated: boolean
  readonly irregular: Set<Irregularity>
  lengthLeft: number
}

const partsMax = 128

export function createGathered(textLengthMax: number): Gathered {
  return {
    texts: new Map(),
    refusal: [],
    tools: new Map(),
    vectors: null,
    finishReason: null,
    model: null,
    usage: null,
    error: null,
    firstTokenAtMs: null,
    complete: false,
    truncated: false,
    irregular: new Set(),
    lengthLeft: textLengthMax,
  }
}

export function finished(gathered: Gathered): Answer {
  const { texts, refusal, tools, vectors, irregular, finishReason, model, usage, error } = gathered
  return {
    text: inOrder(texts).flat().join(''),
    toolCalls: inOrder(tools),
    vectors,
    finishReason,
    refusal: refusal.length > 0 ? refusal.join('') : null,
    model,
    usage,
    error,
    firstTokenAtMs: gathered.firstTokenAtMs,
    complete: gathered.complete,
    truncated: gathered.truncated,
    irregular: [...irregular].sort(),
  }
}

function inOrder<T>(parts: ReadonlyMap<number, T>): T[] {
  return [...parts].sort(([a], [b]) => a - b).map(([, part]) => part)
}

/** Notes that something was said; it dates the first token. */
function spoke(gathered: Gathered, atMs: number): void {
  gathered.firstTokenAtMs ??= atMs
  if (gathered.complete) gathered.irregular.add('reordered')
}

/** Appends to the text of one part. */
export function appendText(gathered: Gathered, part: number, value: unknown, atMs: number): void {
  const text = stringOf(value)
  if (text === null || text === '') return
  spoke(gathered, atMs)
  if (!hasRoom(gathered, gathered.texts, part) || !takes(gathered, text.length)) return
  const known = gathered.texts.get(part)
  if (known === undefined) gathered.texts.set(part, [text])
  else known.push(text)
}

export function appendRefusal(gathered: Gathered, value: unknown, atMs: number): void {
  const text = stringOf(value)
  if (text === null || text === '') return
  spoke(gathered, atMs)
  if (takes(gathered, text.length)) gathered.refusal.push(text)
}

/** Fragments of one call share an index; names and arguments are concatenated in order. */
export function appendToolCall(
  gathered: Gathered,
  index: number,
  call: { readonly name?: unknown; readonly arguments?: unknown },
  atMs: number,
): void {
  spoke(gathered, atMs)
  const known = gathered.tools.get(index) ?? { name: '', arguments: '' }
  if (!hasRoom(gathered, gathered.tools, index)) return
  const name = stringOf(call.name) ?? ''
  const fragment = stringOf(call.arguments) ?? ''
  if (!takes(gathered, name.length + fragment.length)) return
  gathered.tools.set(index, { name: known.name + name, arguments: known.arguments + fragment })
}

function hasRoom(gathered: Gathered, parts: ReadonlyMap<number, unknown>, part: number): boolean {
  const room = parts.has(part) || parts.size < partsMax
  if (!room) cutOff(gathered)
  return room
}

function takes(gathered: Gathered, length: number): boolean {
  gathered.lengthLeft -= length
  if (gathered.lengthLeft < 0) cutOff(gathered)
  return gathered.lengthLeft >= 0
}

export function cutOff(gathered: Gathered): void {
  gathered.truncated = true
  gathered.irregular.add('oversized')
}

export function errorOf(value: unknown): AnswerError | null {
  const error = objectOf(value)
  return error === null ? null : { type: nameOf(error['type']), code: nameOf(error['code']) }
}

/** No pause mends it: what was paid for is used up, in either API's words. */
export function isSpentQuota(error: AnswerError | null): boolean {
  return error?.code === 'insufficient_quota' || error?.type === 'insufficient_quota' || error?.type === 'billing_error'
}

/** More tokens than any model has; beyond it a number is garbage, and what is reckoned from it fits into no record. */
const countMax = 0xffff_ffff

export function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= countMax ? value : null
}

export function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Names are short; whatever a provider writes in their place must not swell what is made of it. */
const nameLengthMax = 256

export function nameOf(value: unknown): string | null {
  return stringOf(value)?.slice(0, nameLengthMax) ?? null
}

export function objectOf(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null
}

export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Null for what is no JSON object. */
export function parseObject(text: string): Json | null {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return null
  }
}
