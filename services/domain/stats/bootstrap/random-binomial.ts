import { binomialPmf } from '../special-functions/binomial.ts'
import type { SeededRandom } from './seeded-random.ts'

/**
 * One draw of Bin(n, p) by inversion from the mode outwards: the uniform is used up by the probabilities of mode, mode − 1, mode + 1, … in turn,
 * which takes about as many steps as the standard deviation.
 */
export function randomBinomial(random: SeededRandom, n: number, p: number): number {
  if (n === 0 || p <= 0) return 0
  if (p >= 1) return n
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
