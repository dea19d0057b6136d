import type { Arm } from '../events/records.ts'

/**
 * Whether the units of one stage entry fall to the arms as the split says. Plain data. A unit counts once; within a rule the share is constant, and the
 * log Bayes factors of the rules add up. Each stage entry stands alone: a unit keeps its place when the share grows, so its arm there is no new draw.
 */
export interface SplitWatch {
  /** `rule/weight` → units by arm. */
  readonly rules: Record<string, Record<Arm, number>>
  logBayesFactor: number
  /** Largest so far: 1/BF is a p-value at every moment, and the smallest of them stands. */
  logBayesFactorMax: number
}

/** A split is broken when the smallest p is below this. */
const brokenBelow = 0.001
/**
 * Weight of the prior in units: alternatives lie about √(q(1−q)/1,000) from the share, 1.6 points at one half. Rules with fewer units than that cost
 * nothing.
 */
const concentration = 1_000
const fullWeight = 100_000

export function createSplitWatch(): SplitWatch {
  return { rules: {}, logBayesFactor: 0, logBayesFactorMax: 0 }
}

/**
 * Adds a unit's first exposure under a rule: the predictive probability of its arm under Dirichlet(k·w), over its share (Lindon & Malek 2022, the Bayes
 * factor one unit at a time). Shares of 0 and 1 draw nothing and are left out.
 */
export function noteExposure(watch: SplitWatch, rule: string, candidateWeight: number, arm: Arm): void {
  if (candidateWeight <= 0 || candidateWeight >= fullWeight) return
  const key = `${rule}/${candidateWeight}`
  const units = watch.rules[key] ?? { baseline: 0, candidate: 0 }
  watch.rules[key] = units
  const weight = arm === 'candidate' ? candidateWeight : fullWeight - candidateWeight
  const share = weight / fullWeight
  const seen = units.baseline + units.candidate
  watch.logBayesFactor += Math.log((concentration * share + units[arm]) / ((concentration + seen) * share))
  watch.logBayesFactorMax = Math.max(watch.logBayesFactorMax, watch.logBayesFactor)
  units[arm] += 1
}

/** The p-value of the split when it is broken, with units per arm; null while it may be sound. */
export function brokenSplit(
  watch: SplitWatch,
): { readonly p: number; readonly units: Record<Arm, number>; readonly expectedCandidate: number } | null {
  const p = Math.exp(-watch.logBayesFactorMax)
  if (p >= brokenBelow) return null
  const units = { baseline: 0, candidate: 0 }
  let expectedCandidate = 0
  for (const [key, { baseline, candidate }] of Object.entries(watch.rules)) {
    units.baseline += baseline
    units.candidate += candidate
    expectedCandidate += ((baseline + candidate) * Number(key.slice(key.lastIndexOf('/') + 1))) / fullWeight
  }
  return { p, units, expectedCandidate }
}
