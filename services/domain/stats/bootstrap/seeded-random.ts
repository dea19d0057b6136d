import murmurhash from 'murmurhash'

/** A stream of random numbers that depends on nothing but its seed, so that every resample replays. */
export interface SeededRandom {
  /** A whole number in [0, n), n ≤ 2³². Uneven by less than n/2³². */
  below(n: number): number
  /** A uniform in (0, 1), with 52 random bits. */
  uniform(): number
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}

/**
 * xoshiro128** 1.1 (Blackman & Vigna 2021, ACM TOMS 47:36), its state filled by murmur3 of the seed text under four salts. Period 2¹²⁸ − 1; not for secrets.
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
  return {
    below: (n) => Math.floor((next() / 4_294_967_296) * n),
    uniform: () => ((next() >>> 6) * 67_108_864 + (next() >>> 6) + 0.5) / 4_503_599_627_370_496,
  }
}
