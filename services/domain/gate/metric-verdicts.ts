import { sequenceHalfWidth } from '../stats/confidence-sequence.ts'
import { tangoInterval } from '../stats/tango.ts'
import { type AdvanceState, marginValue, unitsEntered, unitsRequired } from './advance-looks.ts'
import type { AdvanceTest, HarmTest, MetricRole } from './plan.ts'
import type { RunGate } from './run-gate.ts'
import type { MetricState, MetricVerdict } from './verdict.ts'

/** One harm test as people see it; the interval is an always-valid one, at the α with which the test acts. */
export function harmVerdict(gate: RunGate, test: HarmTest): MetricVerdict {
  const state = gate.harm.get(test.id)
  const shown = state?.shown ?? { n: 0, baseline: null, candidate: null, table: null }
  const difference = shown.baseline === null || shown.candidate === null ? null : shown.candidate - shown.baseline
  const half = difference === null ? null : halfWidth(test, shown, gate.plan.unitsMin)
  return {
    test: test.id,
    metric: test.metric,
    comparison: test.comparison,
    slice: test.slice,
    role: roleOf(gate, test.metric),
    state: harmStateName(gate, test, difference, half),
    estimate: difference,
    intervalLow: difference === null || half === null ? null : Math.max(-1, difference - half),
    intervalHigh: difference === null || half === null ? null : Math.min(1, difference + half),
    baselineValue: shown.baseline,
    candidateValue: shown.candidate,
    eValue: state === undefined ? null : Math.exp(Math.min(state.logE, 700)),
    eThreshold: 1 / test.alpha,
    n: shown.n,
    nRequired: null,
    table: shown.table,
    looksSpent: 0,
    passed: false,
  }
}

function harmStateName(gate: RunGate, test: HarmTest, difference: number | null, half: number | null): MetricState {
  const state = gate.harm.get(test.id)
  if (state === undefined || state.shown.n === 0) return 'no_data'
  if (state.actedAtMs !== null) return 'unacceptable'
  if (hasNoHarmNull(test) && state.logE >= -Math.log(test.alpha)) return 'worse'
  return difference !== null && half !== null && difference + half < 0 ? 'better' : 'unclear'
}

function halfWidth(
  test: HarmTest,
  shown: {
    readonly n: number
    readonly baseline: number | null
    readonly candidate: number | null
    readonly table: MetricVerdict['table']
  },
  unitsMin: number,
): number | null {
  if (shown.n < unitsMin) return null
  const p1 = shown.candidate ?? 0
  const p0 = shown.baseline ?? 0
  const discordance =
    shown.table === null
      ? p1 * (1 - p1) + p0 * (1 - p0)
      : (shown.table.onlyCandidate + shown.table.onlyBaseline) / shown.n
  const deviation = Math.sqrt(Math.max(discordance - (shown.table === null ? 0 : (p1 - p0) ** 2), 1 / shown.n))
  return sequenceHalfWidth({ n: shown.n, deviation, alpha: test.alpha, tunedFor: 100 })
}

/** One advance test at its looks; the interval is Tango's at the bound of the latest look. */
export function advanceVerdict(gate: RunGate, test: AdvanceTest, state: AdvanceState | undefined): MetricVerdict {
  const frozen = gate.calibration.frozen
  const entered = state === undefined ? 0 : unitsEntered(test, state)
  const rates = ratesOf(test, state)
  const bound = gate.plan.looks[Math.max(0, (state?.statistics.length ?? 0) - 1)]?.bound ?? 2.5
  const interval =
    state === undefined || test.engine !== 'tango' || entered === 0
      ? null
      : tangoInterval({
          onlyCandidate: state.table.onlyCandidate,
          onlyBaseline: state.table.onlyBaseline,
          n: entered,
          z: bound,
        })
  return {
    test: test.id,
    metric: test.metric,
    comparison: test.comparison,
    slice: test.slice,
    role: roleOf(gate, test.metric),
    state: entered === 0 || state === undefined ? 'no_data' : state.passed ? 'acceptable' : 'unclear',
    estimate: rates.baseline === null || rates.candidate === null ? null : rates.candidate - rates.baseline,
    intervalLow: interval?.low ?? null,
    intervalHigh: interval?.high ?? null,
    baselineValue: rates.baseline,
    candidateValue: rates.candidate,
    eValue: null,
    eThreshold: marginValue(test, frozen),
    n: entered,
    nRequired: state === undefined ? test.requiredUnits : unitsRequired(test, state, frozen),
    table: test.engine === 'tango' && state !== undefined ? { ...state.table } : null,
    looksSpent: state?.statistics.length ?? 0,
    passed: state?.passed ?? false,
  }
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
  const rate = (arm: 'baseline' | 'candidate') => (state.units[arm] === 0 ? null : state.events[arm] / state.units[arm])
  return { baseline: rate('baseline'), candidate: rate('candidate') }
}

function roleOf(gate: RunGate, metric: string): MetricRole {
  return gate.plan.metrics.find((planned) => planned.name === metric)?.role ?? 'signal'
}

/** Engines whose e-value alone says "worse"; the others need more than it (a window), or already say "beyond the margin". */
function hasNoHarmNull(test: HarmTest): boolean {
  return test.engine === 'paired_binary' || test.engine === 'event_share'
}
