/** Bits of a sketch. The share of bits that differ estimates an angle to about 180° × 0.5/√bits = 6° in the middle of its range. */
const sketchBits = 256
const wordBits = 32
/** Numbers that are sketched: a batch of vectors beyond it is represented by its first. */
const numbersMax = 65_536

const marker = /^embeddings of (\d+) numbers each ([\d,]+), sketch ([0-9a-f]{64})$/

/**
 * Vectors reduced to one line: how many, how long, and the signs of 256 random projections of all of them in a row (random hyperplanes, Charikar 2002,
 * "Similarity estimation techniques from rounding algorithms"). Enough to tell how far the answers of two models are apart, and too little to read
 * the text out of, which whole vectors are not.
 */
export function vectorSketch(vectors: readonly Float32Array[]): string {
  const sums = new Float64Array(sketchBits)
  let position = 0
  for (const vector of vectors) {
    if (position + vector.length > numbersMax && position > 0) break
    for (const value of vector.subarray(0, numbersMax)) {
      project(sums, position, value)
      position += 1
    }
  }
  const lengths = [...new Set(vectors.map((vector) => vector.length))].join(',') || '0'
  return `embeddings of ${vectors.length} numbers each ${lengths}, sketch ${hexOfSigns(sums)}`
}

function project(sums: Float64Array, position: number, value: number): void {
  for (let word = 0; word < sketchBits / wordBits; word += 1) {
    const signs = mixed(position * (sketchBits / wordBits) + word)
    for (let bit = 0; bit < wordBits; bit += 1) {
      const at = word * wordBits + bit
      sums[at] = (sums[at] ?? 0) + ((signs >>> bit) & 1 ? value : -value)
    }
  }
}

/** 32 bits that look random, the same for the same number everywhere: the finaliser of MurmurHash3. */
function mixed(number: number): number {
  let hash = (number + 0x9e3779b9) | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function hexOfSigns(sums: Float64Array): string {
  let hex = ''
  for (let at = 0; at < sketchBits; at += 4) {
    let digit = 0
    for (let bit = 0; bit < 4; bit += 1) if ((sums[at + bit] ?? 0) >= 0) digit |= 1 << bit
    hex += digit.toString(16)
  }
  return hex
}

/** The part of a line of `vectorSketch` that two can be compared by: shape and signs. Null for any other text. */
export function parseVectorSketch(text: string): { readonly shape: string; readonly signs: string } | null {
  const found = marker.exec(text)
  return found === null ? null : { shape: `${found[1]}x${found[2]}`, signs: found[3] ?? '' }
}
