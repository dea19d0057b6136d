import { StatsError } from '../stats-error.ts'

/** Evaluates a polynomial by Horner's rule, highest coefficient first. */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0)
}

// Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969) 631-637.
const centreTop = [
  0.065682337918207449113, 2.2352520354606839287, 161.02823106855587881, 1067.6894854603709582, 18154.981253343561249,
]
const centreBottom = [1, 47.20258190468824187, 976.09855173777669322, 10260.932208618978205, 45507.789335026729956]
const middleTop = [
  1.0765576773720192317e-8, 0.39894151208813466764, 8.8831497943883759412, 93.506656132177855979, 597.27027639480026226,
  2494.5375852903726711, 6848.1904505362823326, 11602.651437647350124, 9842.7148383839780218,
]
const middleBottom = [
  1, 22.266688044328115691, 235.38790178262499861, 1519.377599407554805, 6485.558298266760755, 18615.571640885098091,
  34900.952721145977266, 38912.003286093271411, 19685.429676859990727,
]
const tailTop = [
  0.02307344176494017303, 0.21589853405795699, 0.1274011611602473639, 0.022235277870649807, 0.001421619193227893466,
  2.9112874951168792e-5,
]
const tailBottom = [
  1, 1.28426009614491121, 0.468238212480865118, 0.0659881378689285515, 0.00378239633202758244, 7.29751555083966205e-5,
]
const inverseRootTwoPi = 0.398942280401432677939946059934
const rootThirtyTwo = 5.656854249492380195

/** Upper tail P(Z > x) of the standard normal, computed directly (never as 1 − cdf), relative error below 1e-14 down to about 1e-308. */
export function normalSf(x: number): number {
  if (Number.isNaN(x)) throw new StatsError('normalSf of NaN')
  const y = Math.abs(x)
  if (y <= 0.67448975) {
    const square = y > 1.11e-16 ? x * x : 0
    return 0.5 - (x * polynomial(centreTop, square)) / polynomial(centreBottom, square)
  }
  if (y > 38.6) return x > 0 ? 0 : 1
  const tail =
    y <= rootThirtyTwo ? scaled(y, polynomial(middleTop, y) / polynomial(middleBottom, y)) : scaled(y, farTail(y))
  return x > 0 ? tail : 1 - tail
}

/** P(Z ≤ x) of the standard normal. */
export function normalCdf(x: number): number {
  return normalSf(-x)
}

function farTail(y: number): number {
  const square = 1 / (y * y)
  const ratio = (square * polynomial(tailTop, square)) / polynomial(tailBottom, square)
  return (inverseRootTwoPi - ratio) / y
}

/** exp(−y²/2) · factor with y² split, so that the rounding of y² does not reach the exponential. */
function scaled(y: number, factor: number): number {
  const coarse = Math.trunc(y * 16) / 16
  const rest = (y - coarse) * (y + coarse)
  return Math.exp(-coarse * coarse * 0.5) * Math.exp(-rest * 0.5) * factor
}

// M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Appl. Statist. 37 (1988) 477-484.
const quantileA = [
  2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
  1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
]
const quantileB = [
  5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
  687.1870074920579083, 42.313330701600911252, 1,
]
const quantileC = [
  7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
  3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
]
const quantileD = [
  1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
  0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1,
]
const quantileE = [
  2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
  0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
]
const quantileF = [
  2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
  0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1,
]

/** The x with P(Z ≤ x) = p; −∞ at 0, +∞ at 1. Relative error about 1e-16, also for p near 1e-300. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new StatsError(`normalQuantile needs a probability, got ${p}`)
  if (p === 0) return Number.NEGATIVE_INFINITY
  if (p === 1) return Number.POSITIVE_INFINITY
  const centred = p - 0.5
  if (Math.abs(centred) <= 0.425) {
    const r = 0.180625 - centred * centred
    return (centred * polynomial(quantileA, r)) / polynomial(quantileB, r)
  }
  const r = Math.sqrt(-Math.log(centred < 0 ? p : 1 - p))
  const size =
    r <= 5
      ? polynomial(quantileC, r - 1.6) / polynomial(quantileD, r - 1.6)
      : polynomial(quantileE, r - 5) / polynomial(quantileF, r - 5)
  return centred < 0 ? -size : size
}
