import type { Evidence } from '../events/records.ts'
import { wilsonInterval } from '../stats/unpaired/proportion-interval.ts'
import { ownSource } from './judges.ts'
import type { AnalysisPlan, Frozen, MetricRole } from './plan.ts'

/**
 * What the first A/A pairs (a baseline answer against the baseline's second one) say about noise. Frozen once after the planned number,
 * from the records in frontier order, so that every gate freezes the same values.
 */
export interface Calibration {
  pairs: number
  readonly metrics: Record<string, { n: number; sum: number; discordant: number; largest: number[] }>
  frozen: Frozen | null
}

/** One-sided limit for the discordance that sizes tests: a lucky calibration must not make them too small. */
const floorConfidence = 0.8
/** Share of |d| inside the clip bounds of a mean. */
const clipQuantile = 0.995
/** One pair in two hundred lies beyond the clip: with fewer it is the largest seen. */
const judgedPairsMin = 200

export function createCalibration(): Calibration {
  return { pairs: 0, metrics: {}, frozen: null }
}

/** Adds one A/A record and returns the frozen values when it completes the calibration. */
export function calibrateWith(calibration: Calibration, plan: AnalysisPlan, evidence: Evidence): Frozen | null {
  if (calibration.frozen !== null) return null
  for (const { name, baseline, candidate } of evidence.metrics) {
    if (baseline === null || candidate === null) continue
    const seen = calibration.metrics[name] ?? { n: 0, sum: 0, discordant: 0, largest: [] }
    calibration.metrics[name] = seen
    seen.n += 1
    seen.sum += baseline
    if (baseline !== candidate) seen.discordant += 1
    keepLargest(seen.largest, Math.abs(candidate - baseline), Math.ceil(plan.calibrationPairs * (1 - clipQuantile)) + 1)
  }
  // An exchange has a record per horizon; the one at full age stands for the pair.
  if (evidence.source === ownSource && evidence.horizon_ms === plan.legTimeoutMs && evidence.metrics.length > 0)
    calibration.pairs += 1
  if (calibration.pairs < plan.calibrationPairs || unjudged(calibration, plan) !== null) return null
  calibration.frozen = freeze(calibration)
  return calibration.frozen
}

/**
 * The first amount that decides, comes from a judge and has too few judged A/A pairs to have its bounds frozen; null when none has. A judge answers later
 * than the exchanges themselves, and of a part of them.
 */
export function unjudged(
  { metrics }: Calibration,
  plan: AnalysisPlan,
): { readonly metric: string; readonly source: string; readonly pairs: number; readonly needed: number } | null {
  const needed = Math.min(plan.calibrationPairs, judgedPairsMin)
  for (const { source, metrics: supplied } of plan.judges ?? []) {
    const metric = plan.metrics.find(
      ({ name, kind, role }) =>
        supplied.includes(name) && kind === 'mean' && isDecidingRole(role) && (metrics[name]?.n ?? 0) < needed,
    )
    if (metric !== undefined) return { metric: metric.name, source, pairs: metrics[metric.name]?.n ?? 0, needed }
  }
  return null
}

function isDecidingRole(role: MetricRole): boolean {
  return role === 'guardrail' || role === 'primary'
}

function freeze(calibration: Calibration): Frozen {
  const entries = Object.entries(calibration.metrics).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    baselineValues: Object.fromEntries(entries.map(([name, seen]) => [name, seen.sum / seen.n])),
    discordanceFloors: Object.fromEntries(
      entries.map(([name, seen]) => [
        name,
        // One-sided: the other half of a two-sided interval at twice the error.
        wilsonInterval({ events: seen.discordant, n: seen.n, alpha: 2 * (1 - floorConfidence) })[1],
      ]),
    ),
    clipBounds: Object.fromEntries(entries.map(([name, seen]) => [name, clipBoundOf(seen)])),
    pairs: calibration.pairs,
  }
}

/** The smallest |d| that lies in the upper ½ % of those seen; a metric may be missing in some pairs. */
function clipBoundOf(seen: Calibration['metrics'][string]): number {
  return seen.largest[Math.ceil(seen.n * (1 - clipQuantile))] ?? seen.largest.at(-1) ?? 0
}

/** `largest` holds the biggest values in descending order, at most `count` of them. */
function keepLargest(largest: number[], value: number, count: number): void {
  const at = largest.findIndex((known) => known < value)
  largest.splice(at === -1 ? largest.length : at, 0, value)
  if (largest.length > count) largest.length = count
}
