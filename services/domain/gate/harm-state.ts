import type { Arm, Evidence } from '../events/records.ts'
import { addBet } from '../stats/betting-e.ts'
import { addEvent } from '../stats/event-share-e.ts'
import {
  addToMixture,
  beginRestart,
  createRestartMixture,
  evaluateMixture,
  type RestartMixture,
  rebuildMixture,
} from '../stats/restart-mixture.ts'
import { createExceedanceWatch, type ExceedanceWatch, watchExceedance } from './exceedance-watch.ts'
import {
  emptySegment,
  estimateOf,
  type HarmSegment,
  isBurst,
  isPaired,
  logEOf,
  type ShownStretch,
  shownOf,
  towardsHarm,
} from './harm-segment.ts'
import { marginValue } from './margin-value.ts'
import type { AnalysisPlan, Frozen, HarmTest } from './plan.ts'

/** State of one harm test over a whole run. Plain data. */
export interface HarmState {
  readonly mixture: RestartMixture<HarmSegment>
  /** Newest hour and, by wave, newest stage entry in which a restart has begun. */
  readonly restarted: { hour: number; readonly entries: Record<string, number> }
  readonly exceedance: ExceedanceWatch
  logE: number
  /** Arrival of the record with which E first reached 1/α: then the no-harm null is rejected, whatever E does later. */
  rejectedAtMs: number | null
  /** What the test has asked for so far. Never taken back. */
  acted: HarmAction | null
  /** After an approval: the process that guards the margin instead of this one, which is frozen. */
  guard: HarmState | null
}

export type HarmAction = 'review' | 'rollback'

/** One record for a test: a pair with both outcomes, or a single of one arm with what of it counts. */
export type HarmRecord =
  | { readonly kind: 'pair'; readonly evidence: Evidence }
  | { readonly kind: 'single'; readonly evidence: Evidence; readonly arm: Arm; readonly counts: SingleCounts }

/** What of a single counts: a unit's first record, and its first event, in its stratum (event_share) or its hour (exceedance, ceiling). */
export interface SingleCounts {
  readonly exposed: boolean
  readonly event: boolean
  /** False below the planned number of sticky keys: an unpaired finding may then rest on a handful of tenants and goes to a person. */
  readonly mayRollBack: boolean
}

const hourMs = 3_600_000

export function createHarmState(): HarmState {
  return {
    mixture: createRestartMixture(emptySegment()),
    restarted: { hour: -1, entries: {} },
    exceedance: createExceedanceWatch(),
    logE: 0,
    rejectedAtMs: null,
    acted: null,
    guard: null,
  }
}

/** The stretch that speaks loudest, as people see it. */
export function shownBy(test: HarmTest, state: HarmState): ShownStretch {
  const { dominant, weight } = evaluateMixture(state.mixture, (segment) => segment.logE)
  return shownOf(test, dominant, weight)
}

/** What a record does to each stretch, and whether it can change the E of any. */
interface Addition {
  readonly speaks: boolean
  /** `counting`: only the counts; E follows from them once all are in. */
  readonly add: (segment: HarmSegment, counting?: boolean) => void
}

interface BinaryOrMean {
  readonly baseline: number | null
  readonly candidate: number | null
}

/** Adds one record; returns what the test asks for with it, null when nothing new. */
export function addHarmRecord(
  test: HarmTest,
  state: HarmState,
  plan: AnalysisPlan,
  frozen: Frozen | null,
  record: HarmRecord,
): HarmAction | null {
  const { evidence } = record
  const metric = evidence.metrics.find((candidate) => candidate.name === test.metric)
  if (metric === undefined) return null
  const addition =
    record.kind === 'pair'
      ? pairAdder(test, plan, frozen, metric)
      : singleAdder(test, state, plan, record, metric[record.arm])
  if (addition === null) return null
  const restarted = restartIfDue(test, state, evidence)
  addToMixture(state.mixture, addition.add)
  // Most records change no E. Above the threshold they can still decide, because the rule looks at more than E.
  if (!restarted && !addition.speaks && state.logE < -Math.log(test.alpha)) return null
  const mayRollBack = record.kind === 'pair' || record.counts.mayRollBack
  return decide(test, state, frozen, evidence.arrived_at, mayRollBack)
}

function decide(
  test: HarmTest,
  state: HarmState,
  frozen: Frozen | null,
  arrivedAtMs: number,
  mayRollBack: boolean,
): HarmAction | null {
  const { logE, dominant, weight } = evaluateMixture(state.mixture, (segment) => segment.logE)
  state.logE = logE
  if (logE < -Math.log(test.alpha)) return null
  state.rejectedAtMs ??= arrivedAtMs
  if (!isBurst(test, dominant, weight) || !ruleHolds(test, state, frozen, dominant)) return null
  const action = test.onBreach === 'rollback' && mayRollBack ? 'rollback' : 'review'
  if (state.acted === 'rollback' || state.acted === action) return null
  state.acted = action
  return action
}

/**
 * Makes a paired test's process anew from its corrected sequence. An alarm that has not acted is one only if E reaches 1/α on that sequence; what has acted
 * stays. Returns what the test asks for because of it, null when nothing new.
 *
 * @param sequence all pairs that the state has taken, in order, the corrected one at `index`; `atMs`: its arrival
 */
export function rebuildHarm(
  test: HarmTest,
  state: HarmState,
  plan: AnalysisPlan,
  frozen: Frozen | null,
  sequence: { readonly pairs: readonly BinaryOrMean[]; readonly index: number; readonly atMs: number },
): HarmAction | null {
  const fold = (from: number, to: number) => {
    const segment = emptySegment()
    for (const pair of sequence.pairs.slice(from, to)) pairAdder(test, plan, frozen, pair)?.add(segment, true)
    segment.logE = logEOf(test, segment)
    return segment
  }
  rebuildMixture(state.mixture, sequence.index, fold, (segment) => segment.logE)
  const { logE } = evaluateMixture(state.mixture, (segment) => segment.logE)
  state.logE = logE
  // After an approval the guard decides; what the person approved stays approved.
  if (state.guard !== null) return null
  if (state.acted === null && logE < -Math.log(test.alpha)) state.rejectedAtMs = null
  return decide(test, state, frozen, sequence.atMs, true)
}

/** Each full hour and each stage entry begins a restart once: where old and new entries mix at a change of stage, only the first record counts. */
function restartIfDue(test: HarmTest, state: HarmState, evidence: Evidence): boolean {
  const { wave, stage_entry: entry } = evidence.place
  const { restarted } = state
  const hour = Math.floor(evidence.arrived_at / hourMs)
  if (hour <= restarted.hour && entry <= (restarted.entries[wave] ?? -1)) return false
  restarted.hour = Math.max(restarted.hour, hour)
  restarted.entries[wave] = Math.max(restarted.entries[wave] ?? -1, entry)
  beginRestart(state.mixture, emptySegment(), (segment) => logEOf(test, segment))
  return true
}

function pairAdder(
  test: HarmTest,
  plan: AnalysisPlan,
  frozen: Frozen | null,
  { baseline, candidate }: BinaryOrMean,
): Addition | null {
  if (baseline === null || candidate === null) return null
  const bet =
    test.engine === 'beyond_margin' ? betOf(test, plan, frozen, towardsHarm(test, candidate - baseline)) : null
  if (test.engine === 'beyond_margin' && bet === null) return null
  const speaks = bet !== null || candidate !== baseline
  const add = (segment: HarmSegment, counting = false) => {
    segment.n += 1
    segment.sums.baseline += baseline
    segment.sums.candidate += candidate
    segment.sums.squares += (candidate - baseline) ** 2
    if (candidate === 1) segment.table[baseline === 1 ? 'both' : 'onlyCandidate'] += 1
    else segment.table[baseline === 1 ? 'onlyBaseline' : 'neither'] += 1
    segment.first.units += 1
    segment.first.events += candidate
    if (bet !== null) addBet(segment.betting, bet.x, bet.nullMean, test.alpha)
    if (speaks && !counting) segment.logE = logEOf(test, segment)
  }
  return { speaks, add }
}

/**
 * A difference and the margin on the scale [0, 1] of a bet: (d/B + 1)/2 with d clipped at ±B. B is 1 for yes/no outcomes; for means the bound that
 * calibration froze, but at least twice the margin, since no clipped difference could lie beyond a margin at the clip. Null while what must be
 * frozen is not.
 */
function betOf(
  test: HarmTest,
  plan: AnalysisPlan,
  frozen: Frozen | null,
  difference: number,
): { readonly x: number; readonly nullMean: number } | null {
  const margin = marginValue(test, frozen)
  const binary = plan.metrics.find((metric) => metric.name === test.metric)?.kind === 'binary'
  const noise = binary ? 1 : frozen?.clipBounds[test.metric]
  if (margin === null || noise === undefined) return null
  const bound = binary ? 1 : Math.max(noise, 2 * margin)
  const clipped = Math.min(1, Math.max(-1, difference / bound))
  return { x: (clipped + 1) / 2, nullMean: (Math.min(margin / bound, 0.999) + 1) / 2 }
}

function singleAdder(
  test: HarmTest,
  state: HarmState,
  plan: AnalysisPlan,
  record: HarmRecord & { readonly kind: 'single' },
  value: number | null,
): Addition | null {
  const { arm, evidence, counts } = record
  if (value === null) return null
  if (test.engine === 'exceedance' && plan.exceedance !== null)
    watchExceedance(
      state.exceedance,
      plan.exceedance,
      evidence.arrived_at,
      arm === 'candidate' ? { over: value === 1 } : null,
    )
  if (!counts.exposed && !counts.event)
    return test.engine === 'exceedance' ? { speaks: false, add: () => undefined } : null
  const share = evidence.place.candidate_weight / 100_000
  const speaks = counts.event || test.engine === 'ceiling'
  const add = (segment: HarmSegment) => {
    if (counts.exposed) {
      segment.n += 1
      segment.units[arm] += 1
      if (arm === 'candidate') {
        segment.first.units += 1
        segment.first.events += value
      }
    }
    if (counts.event) {
      segment.sums[arm] += 1
      if (test.engine !== 'ceiling')
        addEvent(segment.share, { candidate: arm === 'candidate', share, nullRatio: test.nullRateRatio })
    }
    if (speaks) segment.logE = logEOf(test, segment)
  }
  return { speaks, add }
}

function ruleHolds(test: HarmTest, state: HarmState, frozen: Frozen | null, dominant: HarmSegment): boolean {
  const estimate = estimateOf(test, dominant) ?? Number.NEGATIVE_INFINITY
  if (test.engine === 'beyond_margin' || test.engine === 'ceiling') return true
  if (isPaired(test)) return estimate >= (marginValue(test, frozen) ?? Number.POSITIVE_INFINITY)
  if (test.engine === 'exceedance') return state.exceedance.breached
  return dominant.share.candidateEvents >= (test.candidateEventsMin ?? 0) && estimate >= (test.rateRatioMin ?? 0)
}
