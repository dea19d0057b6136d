import { binomialPmf } from '../special-functions/binomial.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Fewer expected successes than this are found sooner by inversion, and the hat of the rejection is not known to cover them. */
const rejectionFrom = 10

/** One draw of Bin(n, p). */
export function randomBinomial(random: SeededRandom, n: number, p: number): number {
  if (n === 0 || p <= 0) return 0
  if (p >= 1) return n
  if (p > 0.5) return n - randomBinomial(random, n, 1 - p)
  return n * p < rejectionFrom ? invertedBinomial(random, n, p) : rejectedBinomial(random, n, p)
}

/**
 * Transformed rejection with squeeze, algorithm BTRS of Hörmann (1993, J. Stat. Comput. Simul. 46:101), for n·p ≥ 10 and p ≤ ½. About 1.2 pairs of
 * uniforms a draw whatever n is; six draws in seven need no probability.
 */
function rejectedBinomial(random: SeededRandom, n: number, p: number): number {
  const spread = Math.sqrt(n * p * (1 - p))
  const b = 1.15 + 2.53 * spread
  const a = -0.0873 + 0.0248 * b + 0.01 * p
  const surely = 0.92 - 4.2 / b
  const scale = (2.83 + 5.1 / b) * spread
  for (;;) {
    const u = random.uniform() - 0.5
    const v = random.uniform()
    const edge = 0.5 - Math.abs(u)
    const draw = Math.floor(((2 * a) / edge + b) * u + n * p + 0.5)
    if (edge >= 0.07 && v <= surely) return draw
    if (draw < 0 || draw > n) continue
    if ((v * scale) / (a / (edge * edge) + b) <= againstMode(draw, n, p)) return draw
  }
}

/** P(X = k)/P(X = mode) as a product of the steps between: the pmf itself costs more than all the rest of a draw. */
function againstMode(k: number, n: number, p: number): number {
  const mode = Math.floor((n + 1) * p)
  const odds = p / (1 - p)
  let ratio = 1
  for (let step = Math.min(k, mode) + 1; step <= Math.max(k, mode); step += 1) ratio *= ((n - step + 1) * odds) / step
  return k < mode ? 1 / ratio : ratio
}

/**
 * Inversion from the mode outwards: the uniform is used up by the probabilities of mode, mode − 1, mode + 1, … in turn, which takes about as many steps
 * as the standard deviation.
 */
function invertedBinomial(random: SeededRandom, n: number, p: number): number {
  const mode = Math.min(n, Math.floor((n + 1) * p))
  const odds = p / (1 - p)
  let rest = random.uniform()
  let low = mode
  let high = mode
  let lowMass = binomialPmf(mode, n, p)
  let highMass = lowMass
  rest -= lowMass
  if (rest <= 0) return mode
  while (lowMass > 0 || highMass > 0) {
    lowMass = low > 0 ? (lowMass * low) / ((n - low + 1) * odds) : 0
    low -= 1
    rest -= lowMass
    if (rest <= 0 && lowMass > 0) return low
    highMass = high < n ? (highMass * (n - high) * odds) / (high + 1) : 0
    high += 1
    rest -= highMass
    if (rest <= 0 && highMass > 0) return high
  }
  return mode
}
