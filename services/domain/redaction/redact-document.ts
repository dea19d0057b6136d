import type { Redactor } from './redactor.ts'

const depthMax = 64

/**
 * Redacts a text that may be a JSON document (a request body, the arguments of a tool call). In JSON an escape such as `\n` stands right before a
 * value and hides where it begins, so documents are read, their strings, keys and numbers redacted, and written again. A text without findings
 * and a text that is no JSON keep their exact form.
 */
export function redactDocument(redact: Redactor, text: string): ReturnType<Redactor> {
  try {
    return redactAtDepth(redact, text, 0)
  } catch (error) {
    // The serialiser gives up on what is nested by the thousand; as plain text it is still redacted.
    if (error instanceof RangeError) return redact(text)
    throw error
  }
}

function redactAtDepth(redact: Redactor, text: string, depth: number): ReturnType<Redactor> {
  const document = depth < depthMax && /^\s*[[{"]/.test(text) ? parse(text) : undefined
  if (document === undefined) return redact(text)
  const counts: Record<string, number> = {}
  const redactString = (value: string, at: number): string => {
    const done = redactAtDepth(redact, value, at)
    for (const [kind, count] of Object.entries(done.counts)) counts[kind] = (counts[kind] ?? 0) + count
    return done.text
  }
  const walk = (value: unknown, at: number): unknown => {
    if (typeof value === 'string') return redactString(value, at)
    if (value instanceof LongNumber) {
      const done = redactString(value.source, at)
      return done === value.source ? value : done
    }
    // Deeper than any request is meant to be: what lies below is redacted as one text.
    if (at >= depthMax) return typeof value === 'object' ? redactString(JSON.stringify(value), at) : value
    if (typeof value === 'number') {
      const written = String(value)
      const done = redactString(written, at)
      return done === written ? value : done
    }
    if (Array.isArray(value)) return value.map((item) => walk(item, at + 1))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [redactString(key, at + 1), walk(item, at + 1)]),
    )
  }
  const redacted = walk(document, depth + 1)
  return Object.keys(counts).length === 0 ? { text, counts } : { text: JSON.stringify(redacted), counts }
}

/** A number of more digits than a double keeps, as it was written. */
class LongNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
  toJSON(): unknown {
    return rawJson(this.source)
  }
}

/** Text access of JSON (ES2026), which the compiler's library does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const rawJson = (source: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)

const longDigits = 16

/** Whether so many digits stand in a row: one of them stands at each place that is a multiple of that number. */
function hasLongNumber(text: string): boolean {
  const isDigit = (at: number) => {
    const unit = text.charCodeAt(at)
    return unit >= zero && unit <= nine
  }
  for (let at = longDigits - 1; at < text.length; at += longDigits) {
    if (!isDigit(at)) continue
    let [from, to] = [at, at]
    while (isDigit(from - 1)) from -= 1
    while (isDigit(to + 1)) to += 1
    if (to - from + 1 >= longDigits) return true
  }
  return false
}

const [zero, nine] = [0x30, 0x39]

/** Numbers that a double would round are kept as texts: the digits of a long card number are all in its last places, too. */
const keepLongNumbers: Reviver = (_, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source && /\d{16}/.test(source)
    ? new LongNumber(source)
    : value

function parse(text: string): unknown {
  try {
    return hasLongNumber(text)
      ? JSON.parse(text, keepLongNumbers as Parameters<typeof JSON.parse>[1])
      : JSON.parse(text)
  } catch {
    return undefined
  }
}
