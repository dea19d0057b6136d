import { looksExhausted, unitsEntered, unitsRequired } from './advance-looks.ts'
import { worstShare } from './completeness.ts'
import { advanceVerdict, harmVerdict } from './metric-verdicts.ts'
import type { AdvanceTest, HarmTest } from './plan.ts'
import { advanceStateOf, type Breach, type RunGate, stageKindOf } from './run-gate.ts'
import { brokenSplit } from './split-watch.ts'
import type { StageView } from './stage-view.ts'
import { isFull } from './unit-ledger.ts'
import type { MetricVerdict, VerdictOutcome } from './verdict.ts'

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

/** Corrections above this share of the entered records freeze verdicts (the numbers rest on what was corrected). */
const correctedShareMax = 0.005

type Answer = (outcome: VerdictOutcome, reasonCode: string, reason: string, breach?: Breach | null) => Judgement

function acted(gate: RunGate, test: HarmTest): boolean {
  const state = gate.harm.get(test.id)
  return state?.acted != null || state?.guard?.acted != null
}

function harmAnswer(
  gate: RunGate,
  metrics: readonly MetricVerdict[],
  stage: StageView,
  answer: Answer,
): Judgement | null {
  const rollback = gate.breaches.find((breach) => breach.action === 'rollback')
  if (rollback !== undefined) return answer('rollback', 'BREACH', sentence(metrics, rollback), rollback)
  const [toReview] = gate.breaches
  if (toReview !== undefined && !stage.approved) {
    const keys = gate.ledger.stickyKeys.size
    const few =
      keys < gate.plan.stickyKeysMin && toReview.test.includes('/live_ab/')
        ? `; only ${keys} of ${gate.plan.stickyKeysMin} sticky keys, so a person decides`
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
  return (
    unfitAnswer(gate, stage, answer) ??
    silentAnswer(gate, stage, tests, answer) ??
    lookAnswer(gate, stage, tests, slowest, answer)
  )
}

/** What makes the gate's own numbers unfit to permit anything. */
function unfitAnswer(gate: RunGate, stage: StageView, answer: Answer): Judgement | null {
  const { counts, calibration, plan } = gate
  if (isAtLimit(gate)) {
    const limit = `${gate.ledger.entries} of ${gate.ledger.limit} unit entries kept, ${counts.refused} records turned away`
    return answer('hold', 'GATE_LIMIT', `the gate is at its limit: ${limit}`)
  }
  if (counts.corrected > correctedShareMax * counts.entered) {
    const share = `${counts.corrected} corrections of ${counts.entered} entered records`
    return answer('hold', 'CORRECTIONS', `${share}: more than ${percent(correctedShareMax)}, so no verdict is given`)
  }
  const split = gate.splits.get(`${stage.wave}/${stage.stageEntry}/`)
  const broken = split === undefined ? null : brokenSplit(split)
  if (broken !== null) {
    const { units, expectedCandidate, p } = broken
    const counted = `${units.candidate} of ${units.baseline + units.candidate} units fell to the candidate`
    const reason = `${counted}, ${Math.round(expectedCandidate)} were due (p = ${p.toExponential(1)}): the split is broken, so no verdict is given`
    return answer('hold', 'SAMPLE_RATIO', reason)
  }
  const incident = plan.harm.find((test) => gate.harm.get(test.id)?.exceedance.breached === true)
  if (incident !== undefined)
    return answer(
      'hold',
      'INCIDENT',
      `${incident.metric}: over 1 % of the candidate's requests are over budget now, and not proven more than the baseline's`,
    )
  if (calibration.frozen === null && plan.calibrationPairs > 0) {
    return answer('hold', 'CALIBRATING', `${calibration.pairs} of ${plan.calibrationPairs} A/A pairs calibrated`)
  }
  return null
}

/** What must be known of this stage and is not: silence is never a pass. */
function silentAnswer(
  gate: RunGate,
  stage: StageView,
  tests: readonly AdvanceTest[],
  answer: Answer,
): Judgement | null {
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
  for (const test of tests) {
    const entered = unitsEntered(test, advanceStateOf(gate, stage.wave, stage.stageEntry, test.id))
    if (entered < gate.plan.unitsMin)
      return answer(
        'hold',
        'FEW_UNITS',
        `${entered} units of ${nameOf(test)}, at least ${gate.plan.unitsMin} are needed`,
      )
  }
  const missing = missingMean(gate, stage)
  return missing === null ? null : answer('hold', 'NO_DATA', missing)
}

/** A deciding amount has no look of its own; without data its guard is asleep, and a missing metric is never a pass. */
function missingMean(gate: RunGate, stage: StageView): string | null {
  const kind = stageKindOf(stage.candidateWeight)
  for (const metric of gate.plan.metrics) {
    if (metric.kind !== 'mean' || metric.role !== 'guardrail' || !metric.mustHaveData) continue
    const tests = gate.plan.harm.filter(
      (test) => test.metric === metric.name && (test.stages === 'any' || test.stages === kind),
    )
    const most = Math.max(0, ...tests.map((test) => gate.harm.get(test.id)?.mixture.whole.n ?? 0))
    if (most < gate.plan.unitsMin)
      return `${metric.name} must have data: it has ${most} units, at least ${gate.plan.unitsMin} are needed`
  }
  return null
}

/** Where the looks stand that have not passed. */
function lookAnswer(
  gate: RunGate,
  stage: StageView,
  tests: readonly AdvanceTest[],
  slowest: Slowest | null,
  answer: Answer,
): Judgement | null {
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

/** At a limit the gate no longer sees every unit: it permits nothing, and its heartbeat vouches for nothing. */
export function isAtLimit(gate: RunGate): boolean {
  return isFull(gate.ledger) || gate.counts.refused > 0
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
