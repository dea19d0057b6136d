import { requireCounts, requireWithin, StatsError } from './stats-error.ts'

/**
 * Score statistic for a difference of two independent proportions against a margin (Farrington & Manning 1990, Stat. Med. 9:1447): the variance uses the
 * maximum-likelihood rates under p₁ − p₀ = δ, the root of a cubic in closed form. Reject Δ ≥ δ when z ≤ −c. An empty arm gives z = 0.
 */
export function farringtonManning(input: {
  readonly candidateEvents: number
  readonly candidateUnits: number
  readonly baselineEvents: number
  readonly baselineUnits: number
  readonly difference: number
}): { readonly z: number; readonly candidateRate: number; readonly baselineRate: number } {
  const { candidateEvents, candidateUnits, baselineEvents, baselineUnits, difference: s } = input
  requireCounts({ candidateEvents, candidateUnits, baselineEvents, baselineUnits })
  requireWithin({ difference: s }, -1, 1)
  if (candidateEvents > candidateUnits || baselineEvents > baselineUnits)
    throw new StatsError('more units with events than units in an arm')
  if (candidateUnits === 0 || baselineUnits === 0) return { z: 0, candidateRate: Number.NaN, baselineRate: Number.NaN }
  const p1 = candidateEvents / candidateUnits
  const p0 = baselineEvents / baselineUnits
  const restricted = restrictedRate(p1, p0, baselineUnits / candidateUnits, s)
  const other = Math.min(Math.max(restricted - s, 0), 1)
  const variance = (restricted * (1 - restricted)) / candidateUnits + (other * (1 - other)) / baselineUnits
  const numerator = p1 - p0 - s
  const z =
    variance > 0
      ? numerator / Math.sqrt(variance)
      : numerator === 0
        ? 0
        : Math.sign(numerator) * Number.POSITIVE_INFINITY
  return { z, candidateRate: p1, baselineRate: p0 }
}

/** The candidate's rate that is most likely when it exceeds the baseline's by exactly `s`; `theta` = baseline units per candidate unit. */
function restrictedRate(p1: number, p0: number, theta: number, s: number): number {
  const a = 1 + theta
  const b = -(1 + theta + p1 + theta * p0 + s * (theta + 2))
  const c = s * s + s * (2 * p1 + theta + 1) + p1 + theta * p0
  const d = -p1 * s * (1 + s)
  const v = (b / (3 * a)) ** 3 - (b * c) / (6 * a * a) + d / (2 * a)
  const size = Math.sqrt(Math.max((b / (3 * a)) ** 2 - c / (3 * a), 0))
  const u = v > 0 ? size : -size
  const cosine = u === 0 ? 0 : Math.min(Math.max(v / u ** 3, -1), 1)
  const root = 2 * u * Math.cos((Math.PI + Math.acos(cosine)) / 3) - b / (3 * a)
  return Math.min(Math.max(root, Math.max(0, s)), Math.min(1, 1 + s))
}
