import murmurhash from 'murmurhash'

/** A stream of random numbers that depends on nothing but its seed, so that every resample replays. */
export interface SeededRandom {
  /** A whole number in [0, n), n ≤ 2³². Uneven by less than n/2³². */
  below(n: number): number
  /** A uniform in (0, 1), with 52 random bits. */
  uniform(): number
  /** Sum and sum of squares of as many draws, with replacement, as there are values. */
  resample(values: Float64Array): DrawnSums
  /** The same for any number of draws from a block of 2ᵏ values, k ≤ 10: three draws a word, without any unevenness. */
  drawFrom(block: Float64Array, draws: number): DrawnSums
}

/** Sum and sum of squares of values drawn. */
export interface DrawnSums {
  readonly sum: number
  readonly squares: number
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}

/**
 * xoshiro128** 1.1 (Blackman & Vigna 2021, ACM TOMS 47:36), its state filled by murmur3 of the seed text under four salts. Period 2¹²⁸ − 1; not for
 * secrets.
 * @param seed names what is resampled: run, metric, look
 */
export function seededRandom(seed: string): SeededRandom {
  let a = murmurhash.v3(seed, 1) | 0
  let b = murmurhash.v3(seed, 2) | 0
  let c = murmurhash.v3(seed, 3) | 0
  // One bit is set by force: the all-zero state would stay zero.
  let d = murmurhash.v3(seed, 4) | 1
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result >>> 0
  }
  /** `next` and `below` written out over local variables: a call per draw costs three times as much, and there may be 10⁹ draws. */
  const resample = (values: Float64Array) => {
    const n = values.length
    const perWord = n / 4_294_967_296
    let [x, y, z, w] = [a, b, c, d]
    let sum = 0
    let squares = 0
    for (let draw = 0; draw < n; draw += 1) {
      const product = Math.imul(y, 5)
      const random = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
      const shifted = y << 9
      z ^= x
      w ^= y
      y ^= z
      x ^= w
      z ^= shifted
      w = (w << 11) | (w >>> 21)
      const value = values[(random * perWord) >>> 0] ?? 0
      sum += value
      squares += value * value
    }
    ;[a, b, c, d] = [x, y, z, w]
    return { sum, squares }
  }
  const drawFrom = (block: Float64Array, draws: number) => {
    const mask = block.length - 1
    let [x, y, z, w] = [a, b, c, d]
    let sum = 0
    let squares = 0
    for (let draw = 2; draw < draws; draw += 3) {
      const product = Math.imul(y, 5)
      const word = Math.imul((product << 7) | (product >>> 25), 9)
      const shifted = y << 9
      z ^= x
      w ^= y
      y ^= z
      x ^= w
      z ^= shifted
      w = (w << 11) | (w >>> 21)
      const first = block[word & mask] ?? 0
      const second = block[(word >>> 10) & mask] ?? 0
      const third = block[(word >>> 20) & mask] ?? 0
      sum += first + second + third
      squares += first * first + second * second + third * third
    }
    ;[a, b, c, d] = [x, y, z, w]
    for (let left = draws % 3; left > 0; left -= 1) {
      const value = block[next() & mask] ?? 0
      sum += value
      squares += value * value
    }
    return { sum, squares }
  }
  return {
    drawFrom,
    below: (n) => Math.floor(next() * (n / 4_294_967_296)),
    uniform: () => ((next() >>> 6) * 67_108_864 + (next() >>> 6) + 0.5) / 4_503_599_627_370_496,
    resample,
  }
}
