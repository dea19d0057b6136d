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
const closing = Uint8Array.from({ length: 128 }, (_, code) => Number('.!? '.includes(String.fromCharCode(code))))

const asciiMax = 0x7f
const space = 0x20
const nothing = 0
/** One of the marks that become nothing: put behind texts of an odd length. */
const mark = 0x2a
// What becomes of two bytes, in one number: what is written in the lowest 16 bits, and above them how many bytes that are and what they are beside.
const countAt = 16
const beginsWithSpaceAt = 18
const isNothingAt = 19
const endsWithSpaceAt = 20
const isForeignAt = 21
const isNulAt = 22
/** By two bytes as a number, the first the lower. What is not ASCII stays as it is and is foreign; of a NUL nothing can be said here. */
const become = tableOfPairs()

function tableOfPairs(): Uint32Array {
  const table = new Uint32Array(65_536).fill((1 << isForeignAt) | (1 << isNulAt))
  const alone = Uint8Array.from({ length: 256 }, (_, code) => {
    if (code > asciiMax) return code
    const character = String.fromCharCode(code)
    if ('*_`#>'.includes(character)) return nothing
    return /\s/.test(character) ? space : character.toLowerCase().charCodeAt(0)
  })
  for (let second = 1; second < 256; second += 1)
    for (let first = 1; first < 256; first += 1) {
      const foreign = Number(first > asciiMax || second > asciiMax) << isForeignAt
      table[first | (second << 8)] = pairOf(alone[first], alone[second]) | foreign
    }
  return table
}

function pairOf(first = nothing, second = nothing): number {
  // Of two spaces one is left, and of two bytes the one that is not nothing.
  if (second === nothing || (first === space && second === space)) return writtenOf(first, nothing)
  return first === nothing ? writtenOf(second, nothing) : writtenOf(first, second)
}

function writtenOf(first: number, second: number): number {
  const count = Number(first !== nothing) + Number(second !== nothing)
  const last = count === 2 ? second : first
  const beside =
    (Number(first === space) << beginsWithSpaceAt) |
    (Number(count === 0) << isNothingAt) |
    (Number(last === space) << endsWithSpaceAt)
  return first | (second << 8) | (count << countAt) | beside
}

/** Texts are written here one after the other; longer ones get memory of their own. */
const scratch = new Uint8Array(1_048_576)

/** The bytes of a text, in memory that the next call uses again. */
function bytesOf(text: string): Uint8Array {
  // UTF-8 takes at most three bytes for a unit of UTF-16.
  if (text.length * 3 > scratch.length) return encoder.encode(text)
  return scratch.subarray(0, encoder.encodeInto(text, scratch).written)
}

/** Bytes that are gone over before it is asked whether one of them is refused; even. */
const stretch = 1_024

/** Normalises, in one pass, the bytes of a text of ASCII alone, which NFKC leaves as it is; null for any other, and for one with a NUL in it. */
function normaliseAscii(bytes: Uint8Array): Uint8Array | null {
  return strip(bytes, (1 << isForeignAt) | (1 << isNulAt))
}

/** What the pattern `\s` means and NFKC does not make a space of. */
const otherSpaces = /[\u1680\u2028\u2029\ufeff]/g

/** Normalises any text: NFKC and lower case by the platform, the rest as of ASCII; null for one with a NUL in it. */
function normaliseUnicode(text: string): Uint8Array | null {
  const lower = text.normalize('NFKC').toLowerCase().replace(otherSpaces, ' ')
  return strip(bytesOf(lower), 1 << isNulAt)
}

/**
 * Lower case, marks, spaces and closing punctuation of ASCII, in one pass; null for bytes that have what is refused. What it returns lies in memory that the
 * next call uses again.
 */
function strip(bytes: Uint8Array, refused: number): Uint8Array | null {
  const memory = bytes.length < scratch.length ? scratch : new Uint8Array(bytes.length + 1)
  memory.set(bytes)
  memory[bytes.length] = mark
  const view = new DataView(memory.buffer)
  let end = 0
  // 1 where the last that was written is a space, or nothing was written.
  let last = 1
  let seen = 0
  for (let at = 0; at < bytes.length; ) {
    // Without branches, which texts make the processor guess wrong: two bytes are written each time, and the next ones over those that do not count.
    for (const stop = Math.min(at + stretch, bytes.length); at < stop; at += 2) {
      const next = become[view.getUint16(at, true)] as number
      seen |= next
      const dropped = (next >>> beginsWithSpaceAt) & last
      view.setUint16(end, (next & 0xffff) >>> (dropped << 3), true)
      end += ((next >>> countAt) & 3) - dropped
      last = ((next >>> isNothingAt) & last) | ((next >>> endsWithSpaceAt) & 1)
    }
    if ((seen & refused) !== 0) return null
  }
  while (end > 0 && closing[memory[end - 1] ?? 0] === 1) end -= 1
  return memory.subarray(0, end)
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
  const normalised = normaliseAscii(bytes) ?? normaliseUnicode(textOf(text)) ?? normalisedOther(textOf(text))
  return { exactHash, normalisedHash: hash(normalised).slice(0, 16) }
}
