import { requireCounts, StatsError } from '../stats-error.ts'

/** Units with the event and all units, of both arms. */
export interface TwoArms {
  readonly candidateEvents: number
  readonly candidateUnits: number
  readonly baselineEvents: number
  readonly baselineUnits: number
}

/** Throws StatsError unless all four are counts and no arm has more units with events than units. */
export function requireArms(arms: TwoArms): void {
  const { candidateEvents, candidateUnits, baselineEvents, baselineUnits } = arms
  requireCounts({ candidateEvents, candidateUnits, baselineEvents, baselineUnits })
  if (candidateEvents > candidateUnits || baselineEvents > baselineUnits)
    throw new StatsError('more units with events than units in an arm')
}

const bisections = 1_100

/**
 * The baseline's most likely rate when the candidate's exceeds it by exactly `difference`: the root of the score p ↦ d/dp log-likelihood, which falls
 * strictly, by bisection. The closed form of the cubic (Farrington & Manning 1990) keeps only five digits at rates of a few per ten million.
 */
export function baselineRateAtDifference(arms: TwoArms, difference: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  let low = Math.max(0, -difference)
  let high = Math.min(1, 1 - difference)
  const share = (events: number, rate: number) => (events === 0 ? 0 : events / rate)
  const score = (p: number) =>
    share(x0, p) - share(n0 - x0, 1 - p) + share(x1, p + difference) - share(n1 - x1, 1 - p - difference)
  for (let step = 0; step < bisections; step += 1) {
    const middle = low > 0 && high / low > 4 ? Math.sqrt(low * high) : (low + high) / 2
    if (middle <= low || middle >= high) break
    if (score(middle) > 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/**
 * The baseline's most likely rate when the candidate's is exactly `ratio` times it (Koopman 1984, Biometrics 40:513; Miettinen & Nurminen 1985): the
 * smaller root of a quadratic, in the form that does not cancel.
 */
export function baselineRateAtRatio(arms: TwoArms, ratio: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const a = (n1 + n0) * ratio
  const b = n1 * ratio + x1 + n0 + x0 * ratio
  const c = x1 + x0
  const root = (2 * c) / (b + Math.sqrt(Math.max(0, b * b - 4 * a * c)))
  return Math.min(root, 1, 1 / ratio)
}
