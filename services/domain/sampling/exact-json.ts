/** A number that a double or its shortest writing would change (`1.0`, `1e3`, 17 digits and more) stays as it was written. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

// Text access of JSON (ES2026), which the compiler's library does not know yet.
const rawJson = (source: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)

const keepSource: Reviver = (_, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? rawJson(source) : value

/** Texts without any of these hold no number that parsing and writing could change; parsing with a reviver is several times slower. */
const suspicious = /\d[\d.]{15}|\.\d*0(?!\d)|\.0{6}|\d[eE]|-0/

/**
 * Reads a JSON text such that writing it again changes no value, not even the digits of a number. A number that would change is an opaque value:
 * only `JSON.stringify` knows what to do with it. Throws SyntaxError for what is no JSON.
 */
export function parseExactly(text: string): unknown {
  return suspicious.test(text)
    ? JSON.parse(text, keepSource as Parameters<typeof JSON.parse>[1])
    : (JSON.parse(text) as unknown)
}
