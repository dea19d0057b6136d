import { normalisedText } from './normalise.ts'
import { parseVectorSketch } from './vector-sketch.ts'

/** What is kept of an answer so that another one can be said to be far from it: 128 bytes of a text, 256 signs of vectors. No text can be read out of it. */
export type Sketch =
  | { readonly kind: 'text'; readonly bins: Uint16Array }
  | { readonly kind: 'vectors'; readonly shape: string; readonly signs: string }

/** The share of matching bins has a standard error of at most 0.5/√64 = 0.06. */
const binsCount = 64
const wordsPerShingle = 3
/** Longer texts are sketched by their beginning. */
const charactersMax = 100_000

/**
 * Sketches an answer. A text by its shingles of three words (single characters in scripts without spaces), hashed once and kept as the smallest hash of each of 64
 * bins (one-permutation MinHash: Broder 1997; Li, Owen and Zhang 2012). Vectors come sketched (see vectorSketch).
 */
export function sketchOf(answer: string): Sketch {
  const vectors = parseVectorSketch(answer)
  if (vectors !== null) return { kind: 'vectors', ...vectors }
  const words = normalisedText(answer.slice(0, charactersMax)).match(
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu,
  )
  const hashes = (words ?? []).map(hashOf)
  const bins = new Uint16Array(binsCount)
  for (let at = 0; at < Math.max(Math.min(hashes.length, 1), hashes.length - wordsPerShingle + 1); at += 1) {
    let hash = 0
    for (const word of hashes.slice(at, at + wordsPerShingle)) hash = mixed(Math.imul(hash, 31) ^ word)
    const bin = hash >>> 26
    // 0 is an empty bin.
    const value = hash & 0xffff || 1
    const kept = bins[bin] ?? 0
    if (kept === 0 || value < kept) bins[bin] = value
  }
  return { kind: 'text', bins }
}

/**
 * How far two answers are apart, from 0 (the same) to 1 (nothing in common): of texts 1 − the estimated share of shingles that they have in common
 * (Jaccard), of vectors 1 − the estimated cosine. Null where no distance is defined: a text and vectors, vectors of other shapes.
 */
export function dissimilarity(a: Sketch, b: Sketch): number | null {
  if (a.kind === 'text' && b.kind === 'text') return textDistance(a.bins, b.bins)
  if (a.kind === 'vectors' && b.kind === 'vectors' && a.shape === b.shape) return vectorDistance(a.signs, b.signs)
  return null
}

function textDistance(a: Uint16Array, b: Uint16Array): number {
  let used = 0
  let same = 0
  for (let bin = 0; bin < binsCount; bin += 1) {
    if (a[bin] === 0 && b[bin] === 0) continue
    used += 1
    if (a[bin] === b[bin]) same += 1
  }
  return used === 0 ? 0 : 1 - same / used
}

/** The share of differing signs is the angle in half turns (Charikar 2002). */
function vectorDistance(a: string, b: string): number {
  let differ = 0
  for (let at = 0; at < a.length; at += 1) {
    let bits = Number.parseInt(a[at] ?? '0', 16) ^ Number.parseInt(b[at] ?? '0', 16)
    for (; bits > 0; bits >>= 1) differ += bits & 1
  }
  return 1 - Math.max(0, Math.cos((Math.PI * differ) / (4 * a.length)))
}

/** FNV-1a over UTF-16 code units. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at += 1) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  return hash
}

/** The finaliser of MurmurHash3. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
