import type { Arm, Evidence } from '../events/records.ts'
import { logMixedBetaBinomialE, tunedPrior } from '../stats/beta-binomial-e.ts'
import { addBet, type BettingSegment, emptyBetting, logBettingE } from '../stats/betting-e.ts'
import {
  addEvent,
  type EventShareSegment,
  emptyEventShare,
  logEventShareE,
  rateRatioEstimate,
} from '../stats/event-share-e.ts'
import { exceedanceBreached, type WindowCount } from '../stats/exceedance-window.ts'
import { addToMixture, createRestartMixture, evaluateMixture, type RestartMixture } from '../stats/restart-mixture.ts'
import type { AnalysisPlan, HarmTest } from './plan.ts'

/** Pairs or singles of one stretch of time, with the e-process state of the test's engine. Plain data. */
export interface HarmSegment {
  n: number
  /** Paired binary: both, only candidate, only baseline, neither. */
  readonly table: { both: number; onlyCandidate: number; onlyBaseline: number; neither: number }
  readonly sums: { baseline: number; candidate: number; squares: number }
  readonly units: Record<Arm, number>
  readonly share: EventShareSegment
  readonly betting: BettingSegment
}

/** State of one harm test over a whole run. */
export interface HarmState {
  readonly mixture: RestartMixture<HarmSegment>
  /** exceedance: sub-windows by their start (ms), the latest few. */
  readonly windows: [number, WindowCount][]
  logE: number
  logEMax: number
  /** Arrival of the record with which the test acted; null until then. Never reset. */
  actedAtMs: number | null
  estimate: number | null
  /** Numbers of the stretch that speaks loudest, for people. */
  shown: { n: number; baseline: number | null; candidate: number | null; table: HarmSegment['table'] | null }
}

/** One record for a test: a pair with both outcomes, or a single of one arm. `once` is true the first time it is asked about the unit. */
export type HarmRecord =
  | { readonly kind: 'pair'; readonly evidence: Evidence }
  | {
      readonly kind: 'single'
      readonly evidence: Evidence
      readonly arm: Arm
      readonly stratum: string
      once(what: string): boolean
    }

const hourMs = 3_600_000

export function createHarmState(_test: HarmTest, _plan: AnalysisPlan): HarmState {
  return {
    mixture: createRestartMixture(emptySegment),
    windows: [],
    logE: 0,
    logEMax: 0,
    actedAtMs: null,
    estimate: null,
    shown: { n: 0, baseline: null, candidate: null, table: null },
  }
}

function emptySegment(): HarmSegment {
  return {
    n: 0,
    table: { both: 0, onlyCandidate: 0, onlyBaseline: 0, neither: 0 },
    sums: { baseline: 0, candidate: 0, squares: 0 },
    units: { baseline: 0, candidate: 0 },
    share: emptyEventShare(),
    betting: emptyBetting(),
  }
}

/** Adds one record and acts on it: sets `actedAtMs` when the test's rule holds for the first time. */
export function addHarmRecord(test: HarmTest, state: HarmState, plan: AnalysisPlan, record: HarmRecord): void {
  const { evidence } = record
  const metric = evidence.metrics.find((candidate) => candidate.name === test.metric)
  if (metric === undefined) return
  const add =
    record.kind === 'pair' ? pairAdder(test, metric) : singleAdder(test, state, plan, record, metric[record.arm])
  if (add === null) return
  const key = `${evidence.place.wave}/${evidence.place.stage_entry}/${Math.floor(evidence.arrived_at / hourMs)}`
  addToMixture(state.mixture, key, emptySegment, add)
  refresh(test, state, plan, evidence.arrived_at)
}

function pairAdder(test: HarmTest, metric: Evidence['metrics'][number]): ((segment: HarmSegment) => void) | null {
  const { baseline, candidate } = metric
  if (baseline === null || candidate === null || !Number.isFinite(baseline) || !Number.isFinite(candidate)) return null
  const margin = test.margin.kind === 'absolute' ? test.margin.value : test.margin.floor
  const difference = Math.min(1, Math.max(-1, candidate - baseline))
  return (segment) => {
    segment.n += 1
    segment.sums.baseline += baseline
    segment.sums.candidate += candidate
    segment.sums.squares += (candidate - baseline) ** 2
    if (candidate === 1) segment.table[baseline === 1 ? 'both' : 'onlyCandidate'] += 1
    else segment.table[baseline === 1 ? 'onlyBaseline' : 'neither'] += 1
    if (test.engine === 'beyond_margin')
      addBet(segment.betting, (difference + 1) / 2, (Math.min(margin, 0.999) + 1) / 2, test.alpha)
  }
}

function singleAdder(
  test: HarmTest,
  state: HarmState,
  plan: AnalysisPlan,
  record: HarmRecord & { readonly kind: 'single' },
  value: number | null,
): ((segment: HarmSegment) => void) | null {
  if (value === null || !Number.isFinite(value)) return null
  const { arm, evidence } = record
  const share = evidence.place.candidate_weight / 100_000
  if (test.engine === 'exceedance' && arm === 'candidate') noteWindow(state, plan, evidence.arrived_at, value === 1)
  // Exceedances are counted once per unit and hour, other events once per unit and stratum.
  const what = test.engine === 'exceedance' ? `${test.engine}/${Math.floor(evidence.arrived_at / hourMs)}` : test.engine
  const exposed = record.once(`${what}/exposed`)
  const event = value === 1 && record.once(`${what}/event`)
  if (!exposed && !event) return null
  return (segment) => {
    if (exposed) {
      segment.n += 1
      segment.units[arm] += 1
    }
    if (!event) return
    segment.sums[arm] += 1
    if (test.engine !== 'ceiling' && share > 0 && share < 1)
      addEvent(segment.share, { candidate: arm === 'candidate', share })
  }
}

function noteWindow(state: HarmState, plan: AnalysisPlan, arrivedAtMs: number, over: boolean): void {
  const policy = plan.exceedance
  if (policy === null) return
  const lengthMs = Math.max(1, Math.round(policy.windowMs / policy.subWindows))
  const start = Math.floor(arrivedAtMs / lengthMs) * lengthMs
  const last = state.windows.at(-1)
  if (last === undefined || start > last[0]) state.windows.push([start, { n: 1, over: over ? 1 : 0 }])
  else state.windows[state.windows.length - 1] = [last[0], { n: last[1].n + 1, over: last[1].over + (over ? 1 : 0) }]
  while (state.windows.length > policy.subWindows) state.windows.shift()
}

function refresh(test: HarmTest, state: HarmState, plan: AnalysisPlan, arrivedAtMs: number): void {
  const { logE, dominant } = evaluateMixture(state.mixture, (segment) => logEOf(test, segment))
  state.logE = logE
  state.logEMax = Math.max(state.logEMax, logE)
  state.estimate = estimateOf(test, dominant)
  state.shown = shownOf(test, dominant)
  if (state.actedAtMs === null && logE >= -Math.log(test.alpha) && ruleHolds(test, state, plan, dominant))
    state.actedAtMs = arrivedAtMs
}

function logEOf(test: HarmTest, segment: HarmSegment): number {
  switch (test.engine) {
    case 'paired_binary': {
      const { onlyCandidate, onlyBaseline } = segment.table
      if (onlyCandidate + onlyBaseline === 0) return 0
      const tuned = tunedPrior({ discordant: test.tunedForDiscordant, alpha: test.alpha })
      return logMixedBetaBinomialE({ events: onlyCandidate, others: onlyBaseline, nullShare: 0.5, tuned })
    }
    case 'beyond_margin':
      return logBettingE(segment.betting)
    case 'ceiling': {
      const limit = test.margin.kind === 'absolute' ? test.margin.value : test.margin.floor
      const { candidate: units } = segment.units
      const events = segment.sums.candidate
      return units === 0
        ? 0
        : logMixedBetaBinomialE({ events, others: Math.max(0, units - events), nullShare: limit, tuned: 0.5 })
    }
    default:
      return logEventShareE(segment.share)
  }
}

/** The estimate that the rule compares with its margin: a difference of rates, or a rate ratio for unpaired events. */
function estimateOf(test: HarmTest, segment: HarmSegment): number | null {
  if (test.engine === 'event_share' || test.engine === 'exceedance') return rateRatioEstimate(segment.share)
  if (test.engine === 'ceiling')
    return segment.units.candidate === 0 ? null : segment.sums.candidate / segment.units.candidate
  return segment.n === 0 ? null : (segment.sums.candidate - segment.sums.baseline) / segment.n
}

function ruleHolds(test: HarmTest, state: HarmState, plan: AnalysisPlan, dominant: HarmSegment): boolean {
  switch (test.engine) {
    case 'beyond_margin':
    case 'ceiling':
      return true
    case 'paired_binary': {
      const margin = test.margin.kind === 'absolute' ? test.margin.value : test.margin.floor
      return (state.estimate ?? 0) >= margin
    }
    default: {
      const enough =
        dominant.share.candidateEvents >= (test.candidateEventsMin ?? 0) &&
        (state.estimate ?? 0) >= (test.rateRatioMin ?? 0)
      if (test.engine === 'event_share' || !enough) return enough
      const counts = state.windows.map(([, count]) => count)
      return (
        plan.exceedance !== null &&
        counts.length === plan.exceedance.subWindows &&
        exceedanceBreached(counts, plan.exceedance)
      )
    }
  }
}

function shownOf(test: HarmTest, segment: HarmSegment): HarmState['shown'] {
  if (test.engine === 'paired_binary' || test.engine === 'beyond_margin') {
    const n = segment.n
    return {
      n,
      baseline: n === 0 ? null : segment.sums.baseline / n,
      candidate: n === 0 ? null : segment.sums.candidate / n,
      table: { ...segment.table },
    }
  }
  const rate = (arm: Arm) => (segment.units[arm] === 0 ? null : segment.sums[arm] / segment.units[arm])
  return { n: segment.n, baseline: rate('baseline'), candidate: rate('candidate'), table: null }
}
