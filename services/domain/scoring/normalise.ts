import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** Text as it is compared when case, spacing, Markdown marks and closing punctuation do not matter: NFKC, lower case, single spaces. */
export function normalisedText(text: string): string {
  const bytes = normalisedAscii(text)
  return bytes === null ? normalisedOther(text) : decoder.decode(bytes)
}

function normalisedOther(text: string): string {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[*_`#>]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  // By hand: a pattern that ends in `$` is tried at every stop of "......" and takes quadratic time on an answer that got stuck.
  let end = plain.length
  while (end > 0 && '.!? '.includes(plain.charAt(end - 1))) end -= 1
  return plain.slice(0, end)
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()
const space = 0x20
/** What becomes of each byte of ASCII: 0 leaves it out, a space stands for any white space. */
const become = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if ('*_`#>'.includes(character)) return 0
  return /\s/.test(character) ? space : character.toLowerCase().charCodeAt(0)
})
const closing = Uint8Array.from({ length: 128 }, (_, code) => Number('.!? '.includes(String.fromCharCode(code))))

/** The same in one pass over the bytes of a text of ASCII alone, which NFKC leaves as it is; null for any other, and for one with a NUL in it. */
function normalisedAscii(text: string): Uint8Array | null {
  const bytes = encoder.encode(text)
  if (bytes.length !== text.length) return null
  let end = 0
  let last = space
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (byte === 0) return null
    const next = become[byte] as number
    if (next === 0 || (next === space && last === space)) continue
    last = next
    bytes[end] = next
    end += 1
  }
  while (end > 0 && closing[bytes[end - 1] ?? 0] === 1) end -= 1
  return bytes.subarray(0, end)
}

/** SHA-256 in hex, of a text as UTF-8. Whoever hashes much passes its platform's own in: the one of `@noble/hashes` takes ten times as long. */
export type Sha256Hex = (data: string | Uint8Array) => string

export function sha256Hex(data: string | Uint8Array): string {
  return bytesToHex(sha256(typeof data === 'string' ? encoder.encode(data) : data))
}

/** First 16 hex digits of SHA-256: enough to tell the answers of one exchange apart. */
export function shortHash(text: string, hash: Sha256Hex): string {
  return hash(text).slice(0, 16)
}

/** The same of the normalised text. */
export function normalisedHash(text: string, hash: Sha256Hex): string {
  return hash(normalisedAscii(text) ?? normalisedOther(text)).slice(0, 16)
}
