import type { Evidence } from '../events/records.ts'
import { excessDisagreement } from '../stats/noise-floor/excess-disagreement.ts'
import { normalQuantile } from '../stats/special-functions/normal.ts'
import { addHarmRecord, createHarmState, type HarmState } from './harm-state.ts'
import { supplies } from './judges.ts'
import type { AnalysisPlan, Frozen, HarmTest } from './plan.ts'
import { nextPairOf, type UnitLedger } from './unit-ledger.ts'

/**
 * What the baseline asked twice says, for the whole rollout: how far it disagrees with itself, beside how far the candidate disagrees with it on the same
 * requests; and whether the gate's own tests would cry harm where nothing was changed.
 */
export interface NoiseFloor {
  /** Exchange and horizon → |difference| by metric, of the comparison that was read first; the newest alone. */
  readonly waiting: Map<string, Waiting>
  readonly metrics: Record<string, NoiseCounts>
  /** Harm test id → the same test on A/A pairs. */
  readonly audit: Record<string, HarmState>
}

type Waiting = readonly [comparison: Evidence['comparison'], distances: Readonly<Record<string, number>>]

/** Plain-data form for snapshots. */
export interface NoiseFloorData extends Omit<NoiseFloor, 'waiting'> {
  readonly waiting: readonly (readonly [string, Waiting])[]
}

/** Per request: x = |candidate − baseline|, y = |baseline again − baseline|. */
interface NoiseCounts {
  n: number
  both: number
  onlyCandidate: number
  onlyBaseline: number
  sum: number
  squares: number
}

/** How far the candidate lies from the baseline beyond the baseline's own noise, on the same requests. */
export interface NoiseView {
  readonly metric: string
  /** Requests with all three answers, one per unit. */
  readonly n: number
  /** Shares of answers that differ (yes/no metrics); null for amounts. */
  readonly candidateRate: number | null
  readonly baselineRate: number | null
  /** candidateRate − baselineRate; for amounts the mean of |candidate − baseline| − |baseline again − baseline|. */
  readonly excess: number
  /** 95 %, at one look. */
  readonly low: number
  readonly high: number
}

/** The tests that were also run on the baseline against itself. */
export interface InstrumentView {
  readonly noise: readonly NoiseView[]
  readonly audited: number
  /** Tests that fired although nothing was changed. */
  readonly fired: readonly string[]
}

/** Both records of an exchange are released at one moment, so few wait. */
const waitingMax = 1_000
const alpha = 0.05

export function createNoiseFloor(): NoiseFloor {
  return { waiting: new Map(), metrics: {}, audit: {} }
}

interface Observed {
  readonly plan: AnalysisPlan
  readonly ledger: UnitLedger
  readonly noise: NoiseFloor
  readonly calibration: { readonly frozen: Frozen | null }
}

/** Takes a record of `aa` or `content_ab`; one request per unit counts. */
export function noteNoise(gate: Observed, evidence: Evidence): void {
  if (evidence.comparison === 'aa') audit(gate, evidence)
  const values = distancesOf(evidence)
  if (Object.keys(values).length === 0) return
  const { waiting } = gate.noise
  const stream = `${evidence.horizon_ms}/${evidence.source}`
  const key = `${evidence.exchange_id}/${stream}`
  const other = waiting.get(key)
  if (other === undefined || other[0] === evidence.comparison) {
    waiting.set(key, [evidence.comparison, values])
    const [oldest] = waiting.keys()
    if (waiting.size > waitingMax && oldest !== undefined) waiting.delete(oldest)
    return
  }
  waiting.delete(key)
  if (nextPairOf(gate.ledger, `/noise/${stream}`, evidence.unit) !== 1) return
  const [ofCandidate, ofBaseline] = evidence.comparison === 'aa' ? [other[1], values] : [values, other[1]]
  for (const [name, x] of Object.entries(ofCandidate)) {
    const y = ofBaseline[name]
    if (y !== undefined) addDistances(gate.noise, name, x, y)
  }
}

function addDistances(noise: NoiseFloor, name: string, x: number, y: number): void {
  const counts = noise.metrics[name] ?? { n: 0, both: 0, onlyCandidate: 0, onlyBaseline: 0, sum: 0, squares: 0 }
  noise.metrics[name] = counts
  counts.n += 1
  if (x > 0) counts[y > 0 ? 'both' : 'onlyCandidate'] += 1
  else if (y > 0) counts.onlyBaseline += 1
  counts.sum += x - y
  counts.squares += (x - y) ** 2
}

function distancesOf({ metrics }: Evidence): Record<string, number> {
  const known = metrics.flatMap(({ name, baseline, candidate }): [string, number][] =>
    baseline === null || candidate === null ? [] : [[name, Math.abs(candidate - baseline)]],
  )
  return Object.fromEntries(known)
}

/** Every paired harm test is asked of the baseline against itself as well, with its own α and rule; one pair per unit, as for the candidate. */
function audit(gate: Observed, evidence: Evidence): void {
  const tests = gate.plan.harm.filter((test) => isAudited(gate.plan, test, evidence))
  if (
    tests.length === 0 ||
    nextPairOf(gate.ledger, `/aa/${evidence.horizon_ms}/${evidence.source}`, evidence.unit) !== 1
  )
    return
  for (const test of tests) {
    const state = gate.noise.audit[test.id] ?? createHarmState()
    gate.noise.audit[test.id] = state
    addHarmRecord(test, state, gate.plan, gate.calibration.frozen, { kind: 'pair', evidence })
  }
}

function isAudited(plan: AnalysisPlan, test: HarmTest, evidence: Evidence): boolean {
  return (
    test.comparison === 'content_ab' &&
    test.slice === null &&
    supplies(plan, evidence.source, test.metric) &&
    plan.metrics.some(({ name, horizonMs }) => name === test.metric && horizonMs === evidence.horizon_ms)
  )
}

export function instrumentView({ plan, noise }: Pick<Observed, 'plan' | 'noise'>): InstrumentView {
  const states = Object.entries(noise.audit)
  return {
    noise: Object.entries(noise.metrics)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, counts]) => viewOf(plan, name, counts)),
    audited: states.length,
    fired: states.filter(([, { acted }]) => acted !== null).map(([id]) => id),
  }
}

function viewOf(plan: AnalysisPlan, metric: string, counts: NoiseCounts): NoiseView {
  const { n, sum, squares } = counts
  if (plan.metrics.find(({ name }) => name === metric)?.kind === 'binary') {
    const { candidateRate, baselineRate, interval } = excessDisagreement(counts, alpha)
    const excess = (candidateRate ?? 0) - (baselineRate ?? 0)
    return { metric, n, candidateRate, baselineRate, excess, low: interval[0], high: interval[1] }
  }
  const excess = sum / n
  // One request says nothing of its own error: all of the scale is possible.
  const error = n < 2 ? Math.abs(excess) : Math.sqrt(Math.max(0, squares / n - excess ** 2) / (n - 1))
  const half = -normalQuantile(alpha / 2) * error
  return { metric, n, candidateRate: null, baselineRate: null, excess, low: excess - half, high: excess + half }
}
