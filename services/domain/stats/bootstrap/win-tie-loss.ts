import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'
import { deviationOf, percentileInterval, resampledDistribution } from './bootstrap-distribution.ts'
import { randomBinomial } from './random-binomial.ts'
import { type Resampling, requireResampling } from './resampled-mean.ts'
import { seededRandom } from './seeded-random.ts'

/** Pairs won, tied and lost by the candidate. */
export interface WinTieLoss {
  readonly wins: number
  readonly ties: number
  readonly losses: number
}

interface NetWin {
  readonly estimate: number
  readonly error: number
  readonly percentile: readonly [number, number]
}

/** The exact distribution takes about 80·√n masses, a draw about √n steps. */
const pairsMax = 1e8

function netWin({ wins, ties, losses }: WinTieLoss) {
  requireCounts({ wins, ties, losses })
  const n = wins + ties + losses
  requireWithin({ pairs: n }, 0, pairsMax)
  if (n === 0) throw new StatsError('no pair to resample')
  const w = wins / n
  const l = losses / n
  // w + l − (w − l)² as a sum of products: exactly 0 when all pairs end alike.
  const variance = (w + l) * (ties / n) + 4 * w * l
  return { n, w, l, estimate: w - l, error: Math.sqrt(variance / n) }
}

/**
 * Net win (W − L)/n with its bootstrap standard error √((W+L−(W−L)²/n)/n)/√n in closed form and the exact percentile interval of the trace bootstrap
 * (what infinitely many resamples would give): the distribution of (W* − L*)/n, multinomial, by inversion of its characteristic function on a window
 * of 40 standard errors.
 */
export function exactNetWin(counts: WinTieLoss, alpha: number): NetWin {
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const { n, w, l, estimate, error } = netWin(counts)
  const reach = Math.ceil(40 * error * n) + 2
  const from = Math.max(-n, Math.round(estimate * n) - reach)
  const to = Math.min(n, Math.round(estimate * n) + reach)
  const masses = latticeMasses({ n, w, l, from, count: to - from + 1 })
  const quantile = (q: number) => {
    let sum = 0
    for (const [index, mass] of masses.entries()) {
      sum += mass
      if (sum >= q - 1e-12) return (from + index) / n
    }
    return to / n
  }
  return { estimate, error, percentile: [quantile(alpha / 2), quantile(1 - alpha / 2)] }
}

/** P(W* − L* = from + i) for i < count, by the discrete Fourier inversion of (t + w e^{iω} + l e^{−iω})ⁿ; mass outside the window must be negligible. */
function latticeMasses(input: {
  readonly n: number
  readonly w: number
  readonly l: number
  readonly from: number
  readonly count: number
}): Float64Array {
  const { n, w, l, from, count } = input
  const masses = new Float64Array(count)
  const middle = Math.round((w - l) * n)
  for (let k = 0; k < count; k += 1) {
    const omega = (2 * Math.PI * k) / count
    // |φ|² = 1 − 2(1 − cos ω)(…): written with sin² so that values near 1 keep their digits.
    const half = Math.sin(omega / 2) ** 2
    const real = 1 - 2 * half * (w + l)
    const imaginary = (w - l) * Math.sin(omega)
    const logSize = 0.5 * n * Math.log(real * real + imaginary * imaginary)
    if (!(logSize > -50)) continue
    const size = Math.exp(logSize) / count
    const phase = n * Math.atan2(imaginary, real) - omega * middle
    addWave(masses, { size, phase, omega, shift: from - middle })
  }
  return masses
}

/** Adds size·cos(phase − ω(shift + i)) to every mass, by rotation restarted often enough to lose no digit. */
function addWave(
  masses: Float64Array,
  wave: { readonly size: number; readonly phase: number; readonly omega: number; readonly shift: number },
): void {
  const turn = { cosine: Math.cos(wave.omega), sine: Math.sin(wave.omega) }
  let cosine = 0
  let sine = 0
  for (let i = 0; i < masses.length; i += 1) {
    if (i % 64 === 0) {
      const angle = wave.phase - wave.omega * (wave.shift + i)
      cosine = Math.cos(angle)
      sine = Math.sin(angle)
    }
    masses[i] = (masses[i] ?? 0) + wave.size * cosine
    const turned = cosine * turn.cosine + sine * turn.sine
    sine = sine * turn.cosine - cosine * turn.sine
    cosine = turned
  }
}

/**
 * The same by resampling: (W*, T*, L*) are drawn as two binomials each, the exact equivalent of resampling traces, so that ten thousand resamples
 * cost the same for a hundred pairs and for a hundred thousand.
 */
export function resampledNetWin(counts: WinTieLoss, resampling: Resampling): NetWin {
  requireResampling(resampling, 1)
  const { n, w, l, estimate } = netWin(counts)
  const random = seededRandom(resampling.seed)
  const distribution = resampledDistribution(
    new Float64Array(resampling.resamples).map(() => {
      const wins = randomBinomial(random, n, w)
      const losses = randomBinomial(random, n - wins, w < 1 ? Math.min(1, l / (1 - w)) : 0)
      return (wins - losses) / n
    }),
  )
  return { estimate, error: deviationOf(distribution), percentile: percentileInterval(distribution, resampling.alpha) }
}
