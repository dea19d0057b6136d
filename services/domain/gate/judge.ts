import { looksExhausted, unitsEntered, unitsRequired } from './advance-looks.ts'
import { worstShare } from './completeness.ts'
import { advanceVerdict, harmVerdict } from './metric-verdicts.ts'
import type { AdvanceTest, HarmTest } from './plan.ts'
import { advanceStateOf, type Breach, type RunGate, stageKindOf } from './run-gate.ts'
import { isFull } from './unit-ledger.ts'
import type { MetricVerdict, VerdictOutcome } from './verdict.ts'

/** The stage entry that is judged, as the run says it is. */
export interface StageView {
  readonly wave: string
  readonly stageEntry: number
  readonly stageName: string
  readonly candidateWeight: number
  /** Tests that an approval has set aside for this stage entry: they were shown to a person, who accepted them. */
  readonly approved: boolean
}

/** The gate's answer without who gave it. */
export interface Judgement {
  readonly outcome: VerdictOutcome
  readonly reasonCode: string
  readonly reason: string
  readonly metrics: readonly MetricVerdict[]
  readonly n: number
  readonly nRequired: number | null
  /** The breach that decides, when one does. */
  readonly breach: Breach | null
}

/**
 * Answers both questions for one stage entry. In order: harm that must roll back; harm that a person must see; what is missing before an
 * advance (each a reason to hold); looks that are spent; and only then permission. No data, an error and a missing metric are never a pass.
 */
export function judge(gate: RunGate, stage: StageView): Judgement {
  const kind = stageKindOf(stage.candidateWeight)
  const harmTests = gate.plan.harm.filter((test) => test.stages === 'any' || test.stages === kind)
  const advanceTests = gate.plan.advance.filter((test) => test.stages === kind)
  const states = new Map(
    advanceTests.map((test) => [test.id, advanceStateOf(gate, stage.wave, stage.stageEntry, test.id)]),
  )
  const metrics = [
    ...gate.plan.harm
      .filter((test) => harmTests.includes(test) || acted(gate, test))
      .map((test) => harmVerdict(gate, test)),
    ...advanceTests.map((test) => advanceVerdict(gate, test, states.get(test.id))),
  ]
  const slowest = slowestOf(gate, advanceTests, stage)
  const answer = (
    outcome: VerdictOutcome,
    reasonCode: string,
    reason: string,
    breach: Breach | null = null,
  ): Judgement => ({
    outcome,
    reasonCode,
    reason,
    metrics,
    n: slowest?.entered ?? 0,
    nRequired: slowest?.required ?? null,
    breach,
  })
  return (
    harmAnswer(gate, metrics, stage, answer) ??
    missingAnswer(gate, stage, advanceTests, slowest, answer) ??
    advanceAnswer(gate, advanceTests, stage, answer)
  )
}

type Answer = (outcome: VerdictOutcome, reasonCode: string, reason: string, breach?: Breach | null) => Judgement

function acted(gate: RunGate, test: HarmTest): boolean {
  return gate.harm.get(test.id)?.actedAtMs != null
}

function harmAnswer(
  gate: RunGate,
  metrics: readonly MetricVerdict[],
  stage: StageView,
  answer: Answer,
): Judgement | null {
  const tests = new Map(gate.plan.harm.map((test) => [test.id, test]))
  const rollback = gate.breaches.find((breach) => actsAlone(gate, tests.get(breach.test)))
  const toReview = gate.breaches.find((breach) => breach !== rollback)
  if (rollback !== undefined) return answer('rollback', 'BREACH', sentence(metrics, rollback), rollback)
  if (toReview !== undefined && !stage.approved) {
    const few =
      gate.ledger.stickyKeys.size < gate.plan.stickyKeysMin
        ? ` (only ${gate.ledger.stickyKeys.size} of ${gate.plan.stickyKeysMin} sticky keys: a person decides)`
        : ''
    return answer('review', 'BREACH_FOR_REVIEW', sentence(metrics, toReview) + few, toReview)
  }
  const worse = metrics.find((metric) => metric.state === 'worse')
  if (worse === undefined || stage.approved) return null
  const better = metrics.find((metric) => metric.state === 'better')
  const trade = better === undefined ? '' : `, while ${better.metric} is better`
  return answer(
    'review',
    better === undefined ? 'WORSE_WITHIN_MARGIN' : 'TRADE_OFF',
    `${describe(worse)} is proven worse, but within its margin${trade}`,
  )
}

/** Below the planned number of sticky keys an unpaired finding may rest on a handful of tenants: it goes to a person. */
function actsAlone(gate: RunGate, test: HarmTest | undefined): boolean {
  if (test === undefined || test.onBreach !== 'rollback') return false
  return (
    test.comparison !== 'live_ab' || test.engine === 'ceiling' || gate.ledger.stickyKeys.size >= gate.plan.stickyKeysMin
  )
}

interface Slowest {
  readonly test: AdvanceTest
  readonly entered: number
  readonly required: number
}

function slowestOf(gate: RunGate, tests: readonly AdvanceTest[], stage: StageView): Slowest | null {
  let slowest: Slowest | null = null
  for (const test of tests) {
    const state = advanceStateOf(gate, stage.wave, stage.stageEntry, test.id)
    if (state.passed) continue
    const entered = unitsEntered(test, state)
    const required = unitsRequired(test, state, gate.calibration.frozen)
    if (slowest === null || entered / required < slowest.entered / slowest.required)
      slowest = { test, entered, required }
  }
  return slowest
}

function missingAnswer(
  gate: RunGate,
  stage: StageView,
  tests: readonly AdvanceTest[],
  slowest: Slowest | null,
  answer: Answer,
): Judgement | null {
  if (stageKindOf(stage.candidateWeight) === 'full')
    return answer('hold', 'BAKING', 'the candidate has all traffic; guardrails stay armed until the bake ends')
  if (isFull(gate.ledger) || gate.counts.refused > 0)
    return answer(
      'hold',
      'GATE_LIMIT',
      `the gate is at its limit of units or waiting records (${gate.ledger.entries} units kept)`,
    )
  if (gate.calibration.frozen === null && gate.plan.calibrationPairs > 0) {
    return answer(
      'hold',
      'CALIBRATING',
      `${gate.calibration.pairs} of ${gate.plan.calibrationPairs} A/A pairs calibrated`,
    )
  }
  for (const comparison of new Set(tests.map((test) => test.comparison))) {
    const completeness = gate.completeness.get(`${stage.wave}/${stage.stageEntry}/${comparison}`)
    const share = completeness === undefined ? null : worstShare(completeness)
    if (share === null)
      return answer('hold', 'NO_DATA', `no final outcome of ${comparison} in stage ${stage.stageName} yet`)
    if (share < gate.plan.joinCompletenessMin) {
      return answer(
        'hold',
        'LOW_COMPLETENESS',
        `only ${percent(share)} of the planned ${comparison} legs were heard of, ${percent(gate.plan.joinCompletenessMin)} are needed`,
      )
    }
  }
  const few = tests.find(
    (test) =>
      unitsEntered(test, advanceStateOf(gate, stage.wave, stage.stageEntry, test.id)) < gate.plan.unitsMin &&
      test.engine === 'tango',
  )
  if (few !== undefined) {
    const entered = unitsEntered(few, advanceStateOf(gate, stage.wave, stage.stageEntry, few.id))
    return answer('hold', 'FEW_UNITS', `${entered} units of ${nameOf(few)}, at least ${gate.plan.unitsMin} are needed`)
  }
  const exhausted = tests.find((test) =>
    looksExhausted(advanceStateOf(gate, stage.wave, stage.stageEntry, test.id), gate.plan),
  )
  if (exhausted !== undefined && !stage.approved) {
    return answer(
      'review',
      'LOOKS_SPENT',
      `${nameOf(exhausted)} did not pass at any of its ${gate.plan.looks.length} planned looks`,
    )
  }
  if (slowest === null) return null
  const looks = advanceStateOf(gate, stage.wave, stage.stageEntry, slowest.test.id).statistics.length
  const what =
    looks === 0
      ? `${slowest.entered} of ${slowest.required} units`
      : `look ${looks} of ${gate.plan.looks.length} did not pass, next with more units than ${slowest.entered}`
  return answer('hold', looks === 0 ? 'NEED_UNITS' : 'NEED_NEXT_LOOK', `${nameOf(slowest.test)}: ${what}`)
}

function advanceAnswer(gate: RunGate, tests: readonly AdvanceTest[], stage: StageView, answer: Answer): Judgement {
  if (tests.length === 0)
    return answer(
      'hold',
      'NOTHING_TO_ASK',
      'no guardrail or primary metric can be judged in this stage; a person must promote',
    )
  const passed = tests
    .map((test) => advanceStateOf(gate, stage.wave, stage.stageEntry, test.id))
    .filter((state) => state.passed)
  if (passed.length < tests.length)
    return answer('hold', 'NEED_UNITS', `${passed.length} of ${tests.length} questions passed`)
  return answer(
    'advance',
    'ALL_ACCEPTABLE',
    `all ${tests.length} questions passed: no metric is worse by its margin or more`,
  )
}

function sentence(metrics: readonly MetricVerdict[], breach: Breach): string {
  const metric = metrics.find((candidate) => candidate.test === breach.test)
  if (metric === undefined) return `${breach.test} breached`
  const e =
    metric.eValue === null || metric.eThreshold === null
      ? ''
      : `, e-value ${short(metric.eValue)} ≥ ${short(metric.eThreshold)}`
  const rates =
    metric.baselineValue === null || metric.candidateValue === null
      ? ''
      : ` (candidate ${percent(metric.candidateValue)}, baseline ${percent(metric.baselineValue)})`
  return `${describe(metric)} harms${rates}, n = ${metric.n}${e}`
}

function describe(metric: MetricVerdict): string {
  return `${metric.metric} on ${metric.comparison}${metric.slice === null ? '' : ` in ${metric.slice.key} = ${metric.slice.value}`}`
}

function nameOf(test: AdvanceTest): string {
  return `${test.metric} on ${test.comparison}${test.slice === null ? '' : ` in ${test.slice.key} = ${test.slice.value}`}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function short(value: number): string {
  return value >= 1e6 ? value.toExponential(1) : String(Math.round(value))
}
