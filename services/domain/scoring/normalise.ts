import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type Text, textOf } from './text.ts'

/** Text as it is compared when case, spacing, Markdown marks and closing punctuation do not matter: NFKC, lower case, single spaces. */
export function normalisedText(text: string): string {
  const bytes = normaliseAscii(bytesOf(text))
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
const nothing = 0
const foreign = 0xff
/** No byte of ASCII has it. */
const foreignBit = 0x80
/** What becomes of each byte: nothing of some marks, a space of any white space. NUL and what is not ASCII are for the other way. */
const become = Uint8Array.from({ length: 256 }, (_, code) => {
  if (code === 0 || code >= 128) return foreign
  const character = String.fromCharCode(code)
  if ('*_`#>'.includes(character)) return nothing
  return /\s/.test(character) ? space : character.toLowerCase().charCodeAt(0)
})
const closing = Uint8Array.from({ length: 128 }, (_, code) => Number('.!? '.includes(String.fromCharCode(code))))

/** Texts are written here one after the other; longer ones get memory of their own. */
const scratch = new Uint8Array(1_048_576)

/** The bytes of a text, in memory that the next call uses again. */
function bytesOf(text: string): Uint8Array {
  // UTF-8 takes at most three bytes for a unit of UTF-16.
  if (text.length * 3 > scratch.length) return encoder.encode(text)
  return scratch.subarray(0, encoder.encodeInto(text, scratch).written)
}

/**
 * Normalises, in one pass, the bytes of a text of ASCII alone, which NFKC leaves as it is; null for any other, and for one with a NUL in it. What it returns
 * lies in memory that the next call uses again.
 */
function normaliseAscii(bytes: Uint8Array): Uint8Array | null {
  // The bytes themselves may be of `scratch`: nothing is written ahead of what is read.
  const to = bytes.length > scratch.length ? new Uint8Array(bytes.length) : scratch
  let end = 0
  let last = space
  let seen = 0
  // Without branches, which texts make the processor guess wrong: every byte is written, and the next one over it where it does not count.
  for (let at = 0; at < bytes.length; at += 1) {
    const next = become[bytes[at] as number] as number
    seen |= next
    to[end] = next
    // Together they are a space only when both are, or when there is nothing.
    const counts = Number(next !== nothing) & Number((next | last) !== space)
    last = counts === 1 ? next : last
    end += counts
  }
  if ((seen & foreignBit) !== 0) return null
  while (end > 0 && closing[to[end - 1] ?? 0] === 1) end -= 1
  return to.subarray(0, end)
}

/** SHA-256 in hex, of a text as UTF-8. Whoever hashes much passes its platform's own in: the one of `@noble/hashes` takes ten times as long. */
export type Sha256Hex = (data: string | Uint8Array) => string

export function sha256Hex(data: string | Uint8Array): string {
  return bytesToHex(sha256(typeof data === 'string' ? encoder.encode(data) : data))
}

/** What tells the answers of one exchange apart: the first 16 hex digits of SHA-256 of a text, and of the same normalised; null what is not wanted. */
export function answerHashes(
  text: Text,
  wanted: { readonly exact: boolean; readonly normalised: boolean },
  hash: Sha256Hex,
): { readonly exactHash: string | null; readonly normalisedHash: string | null } {
  if (!wanted.exact && !wanted.normalised) return { exactHash: null, normalisedHash: null }
  const bytes = typeof text === 'string' ? bytesOf(text) : text
  const exactHash = wanted.exact ? hash(bytes).slice(0, 16) : null
  if (!wanted.normalised) return { exactHash, normalisedHash: null }
  return { exactHash, normalisedHash: hash(normaliseAscii(bytes) ?? normalisedOther(textOf(text))).slice(0, 16) }
}
