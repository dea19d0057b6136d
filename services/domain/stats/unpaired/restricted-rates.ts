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

/** events/rate, and 0 without events whatever the rate: the share of a cell in the derivative of the log-likelihood. */
function pull(events: number, rate: number): number {
  return events === 0 ? 0 : events / rate
}

/** Root of a strictly falling score on (low, high), by bisection to the last digit; an end where the score keeps its sign. */
function fallingRoot(score: (p: number) => number, low: number, high: number): number {
  let below = low
  let above = high
  for (let step = 0; step < bisections; step += 1) {
    // Halves the logarithm while the bracket spans magnitudes.
    const middle = below > 0 && above / below > 4 ? Math.sqrt(below * above) : (below + above) / 2
    if (middle <= below || middle >= above) break
    if (score(middle) > 0) below = middle
    else above = middle
  }
  return (below + above) / 2
}

/**
 * The baseline's most likely rate when the candidate's exceeds it by exactly `difference`: where the derivative of the log-likelihood is 0. The closed
 * form of the cubic (Farrington & Manning 1990) keeps only five digits at rates of a few per ten million.
 */
export function baselineRateAtDifference(arms: TwoArms, difference: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const score = (p: number) =>
    pull(x0, p) - pull(n0 - x0, 1 - p) + pull(x1, p + difference) - pull(n1 - x1, 1 - p - difference)
  return fallingRoot(score, Math.max(0, -difference), Math.min(1, 1 - difference))
}

/**
 * The baseline's most likely rate when the candidate's is exactly `ratio` times it (Koopman 1984, Biometrics 40:513; Miettinen & Nurminen 1985), in the same
 * way: the roots of the quadratic run together, and lose half of their digits, where both rates are near 1.
 */
export function baselineRateAtRatio(arms: TwoArms, ratio: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const score = (p: number) => pull(x1 + x0, p) - pull(n0 - x0, 1 - p) - ratio * pull(n1 - x1, 1 - ratio * p)
  return fallingRoot(score, 0, Math.min(1, 1 / ratio))
}
