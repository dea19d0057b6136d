import { asymptoticSequence } from '../stats/sequential/asymptotic-sequence.ts'
import { tangoInterval } from '../stats/tango.ts'
import { differenceScoreInterval } from '../stats/unpaired/two-proportions.ts'
import { amountsDifference, amountsEvidence } from './advance-amounts.ts'
import { unitsEntered, unitsRequired } from './advance-looks.ts'
import type { CarriedPairs } from './advance-state.ts'
import { type AdvanceState, armsOf, differenceOf, rulesOf } from './advance-state.ts'
import { canBeGuarded, guardTestOf } from './approval-guard.ts'
import { type ShownStretch, towardsHarm } from './harm-segment.ts'
import { type HarmState, shownBy } from './harm-state.ts'
import { driftOf } from './hourly-discordance.ts'
import { judgeView } from './judges.ts'
import { standardisedRates } from './live-strata.ts'
import { marginValue } from './margin-value.ts'
import type { AdvanceTest, HarmTest, MetricRole } from './plan.ts'
import { hoursOf, type RunGate } from './run-gate.ts'
import type { SuperiorityView } from './superiority.ts'
import type { MetricState, MetricVerdict } from './verdict.ts'

const nothing: ShownStretch = { n: 0, baseline: null, candidate: null, variance: null, table: null, weight: 0.5 }

/** One harm test as people see it (after an approval, what guards it since); the interval is an always-valid one, at the α with which the test acts. */
export function harmVerdict(gate: RunGate, planned: HarmTest): MetricVerdict {
  const own = gate.harm.get(planned.id)
  const guarded = own?.guard != null
  const test = guarded ? guardTestOf(planned) : planned
  const state = guarded ? own.guard : own
  const shown = state == null ? nothing : shownBy(test, state)
  const difference = shown.baseline === null || shown.candidate === null ? null : shown.candidate - shown.baseline
  const half = halfWidth(test, shown, gate.plan.unitsMin)
  const binary = gate.plan.metrics.find((metric) => metric.name === test.metric)?.kind === 'binary'
  const largest = binary ? 1 : Number.POSITIVE_INFINITY
  return {
    test: test.id,
    metric: test.metric,
    comparison: test.comparison,
    slice: test.slice,
    role: roleOf(gate, test.metric),
    ...judgedBy(gate, test.metric),
    state: harmStateName(test, state, shown, half),
    estimate: difference,
    intervalLow: difference === null || half === null ? null : Math.max(-largest, difference - half),
    intervalHigh: difference === null || half === null ? null : Math.min(largest, difference + half),
    baselineValue: shown.baseline,
    candidateValue: shown.candidate,
    eValue: state == null ? null : Math.exp(Math.min(state.logE, 700)),
    eThreshold: 1 / test.alpha,
    n: shown.n,
    nRequired: null,
    table: shown.table,
    looksSpent: 0,
    passed: false,
  }
}

function harmStateName(
  test: HarmTest,
  state: HarmState | null | undefined,
  { n, baseline, candidate }: ShownStretch,
  half: number | null,
): MetricState {
  if (state == null || n === 0) return 'no_data'
  if (state.acted !== null) return 'unacceptable'
  if (canBeGuarded(test) && state.rejectedAtMs !== null) return 'worse'
  if (baseline === null || candidate === null || half === null) return 'unclear'
  return towardsHarm(test, candidate - baseline) + half < 0 ? 'better' : 'unclear'
}

/**
 * The interval is built at the part of α that bet on the stretch shown, so that it holds at every moment for whichever stretch speaks loudest: the
 * parts add up to α. Null below the fewest units, where the asymptotic sequence is not one yet.
 */
function halfWidth(test: HarmTest, shown: ShownStretch, unitsMin: number): number | null {
  if (shown.n < unitsMin || shown.variance === null) return null
  const deviation = Math.sqrt(Math.max(shown.variance, 1 / shown.n))
  const alpha = test.alpha * shown.weight
  return asymptoticSequence({ n: shown.n, mean: 0, deviation, alpha, tunedFor: 100 }).margin
}

/** One advance test at its looks; the interval is the score test's own, at the bound of the latest look. */
export function advanceVerdict(
  gate: RunGate,
  wave: string,
  test: AdvanceTest,
  state: AdvanceState | undefined,
  superiority?: SuperiorityView,
): MetricVerdict {
  const drift = test.engine === 'tango' && test.slice === null ? driftOf(hoursOf(gate, wave, test)) : null
  const frozen = gate.calibration.frozen
  const entered = state === undefined ? 0 : unitsEntered(test, state)
  const rates = ratesOf(test, state)
  const bound = gate.plan.looks[Math.max(0, (state?.statistics.length ?? 0) - 1)]?.bound ?? 2.5
  const interval =
    state === undefined || rates.baseline === null || rates.candidate === null
      ? null
      : intervalOf(test, state, entered, bound)
  return {
    test: test.id,
    metric: test.metric,
    comparison: test.comparison,
    slice: test.slice,
    role: roleOf(gate, test.metric),
    ...judgedBy(gate, test.metric),
    state: advanceStateName(state, entered, superiority),
    estimate: rates.baseline === null || rates.candidate === null ? null : rates.candidate - rates.baseline,
    intervalLow: interval?.low ?? null,
    intervalHigh: interval?.high ?? null,
    baselineValue: rates.baseline,
    candidateValue: rates.candidate,
    eValue: state === undefined ? null : amountsEvidence(state),
    eThreshold: marginValue(test, frozen),
    n: entered,
    nRequired: state === undefined ? test.requiredUnits : unitsRequired(test, state, frozen, gate.plan),
    table: test.engine === 'tango' && state !== undefined ? { ...state.table } : null,
    looksSpent: state?.statistics.length ?? 0,
    passed: state?.passed ?? false,
    ...(superiority === undefined ? {} : { superiority }),
    ...(drift === null ? {} : { drift }),
    ...(state?.carried == null ? {} : { carried: carriedView(state.carried) }),
  }
}

function advanceStateName(
  state: AdvanceState | undefined,
  entered: number,
  superiority: SuperiorityView | undefined,
): MetricState {
  if (state === undefined || entered === 0) return 'no_data'
  if (!state.passed) return 'unclear'
  return superiority?.better === true ? 'better' : 'acceptable'
}

function intervalOf(
  test: AdvanceTest,
  state: AdvanceState,
  entered: number,
  z: number,
): { low: number; high: number } | null {
  const { onlyCandidate, onlyBaseline } = state.table
  if (test.engine === 'paired_mean') return amountsInterval(test, state)
  if (test.engine === 'tango') return tangoInterval({ onlyCandidate, onlyBaseline, n: entered, z })
  if (rulesOf(state) !== null) {
    // Of several rules there is one difference, but no pooled table whose score could be inverted.
    const { difference, error } = differenceOf(test, state) ?? { difference: 0, error: Number.POSITIVE_INFINITY }
    return { low: Math.max(-1, difference - z * error), high: Math.min(1, difference + z * error) }
  }
  const [low, high] = differenceScoreInterval(armsOf(state), z)
  return { low, high }
}

/** Valid at every moment, as the bet is: an asymptotic sequence at the α of the test. */
function amountsInterval(test: AdvanceTest, state: AdvanceState): { low: number; high: number } | null {
  const known = amountsDifference(state)
  if (known === null) return null
  const { difference, error, n } = known
  const deviation = error * Math.sqrt(n)
  const half = asymptoticSequence({ n, mean: 0, deviation, alpha: test.alpha, tunedFor: 100 }).margin
  return { low: difference - half, high: difference + half }
}

function carriedView({ table, refused }: CarriedPairs): NonNullable<MetricVerdict['carried']> {
  return { pairs: table.both + table.onlyCandidate + table.onlyBaseline + table.neither, used: !refused }
}

function ratesOf(
  test: AdvanceTest,
  state: AdvanceState | undefined,
): { baseline: number | null; candidate: number | null } {
  if (state === undefined) return { baseline: null, candidate: null }
  if (test.engine === 'tango') {
    const { both, onlyCandidate, onlyBaseline, neither } = state.table
    const n = both + onlyCandidate + onlyBaseline + neither
    return n === 0
      ? { baseline: null, candidate: null }
      : { baseline: (both + onlyBaseline) / n, candidate: (both + onlyCandidate) / n }
  }
  if (test.engine === 'paired_mean') {
    const { amounts } = state
    if (amounts === undefined) return { baseline: null, candidate: null }
    return { baseline: amounts.baseline / amounts.n, candidate: amounts.candidate / amounts.n }
  }
  const rules = rulesOf(state)
  if (rules !== null) return standardisedRates(rules) ?? { baseline: null, candidate: null }
  const rate = (arm: 'baseline' | 'candidate') => (state.units[arm] === 0 ? null : state.events[arm] / state.units[arm])
  return { baseline: rate('baseline'), candidate: rate('candidate') }
}

function roleOf(gate: RunGate, metric: string): MetricRole {
  return gate.plan.metrics.find((planned) => planned.name === metric)?.role ?? 'signal'
}

function judgedBy(gate: RunGate, metric: string): Pick<MetricVerdict, 'judge'> {
  const judge = judgeView(gate, metric)
  return judge === null ? {} : { judge }
}
