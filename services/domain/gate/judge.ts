import { looksExhausted, unitsEntered, unitsRequired } from './advance-looks.ts'
import { lastChecks } from './before-advance.ts'
import { advanceVerdict, harmVerdict } from './metric-verdicts.ts'
import { type InstrumentView, instrumentView } from './noise-floor.ts'
import { type Obstacle, obstacleChecks } from './obstacles.ts'
import type { AdvanceTest, HarmTest } from './plan.ts'
import { stageKindOf } from './readers.ts'
import { advanceStateOf, type Breach, type RunGate } from './run-gate.ts'
import { amount, nameOf, percent } from './sentence-parts.ts'
import { type SliceFinding, searchFindings } from './slice-findings.ts'
import { isOverdue, visibleDifference } from './stage-deadline.ts'
import type { StageView } from './stage-view.ts'
import { superiorityOf } from './superiority.ts'
import type { MetricVerdict, VerdictOutcome } from './verdict.ts'

/** The gate's answer without who gave it. */
export interface Judgement {
  readonly outcome: VerdictOutcome
  readonly reasonCode: string
  readonly reason: string
  readonly metrics: readonly MetricVerdict[]
  /** Slices that the search found in this wave; they decide nothing. */
  readonly findings: readonly SliceFinding[]
  readonly instrument: InstrumentView
  readonly n: number
  readonly nRequired: number | null
  /** The breach that decides, when one does. */
  readonly breach: Breach | null
  /** The stage cannot end sooner, ms since the epoch; null when time alone does not decide. */
  readonly notBeforeMs: number | null
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
  const claims = superiorityOf(gate.plan, stage, advanceTests, states)
  const metrics = [
    ...gate.plan.harm
      .filter((test) => harmTests.includes(test) || acted(gate, test))
      .map((test) => harmVerdict(gate, test)),
    ...advanceTests.map((test) => advanceVerdict(gate, stage.wave, test, states.get(test.id), claims.get(test.id))),
  ]
  const slowest = slowestOf(gate, advanceTests, stage)
  const findings = searchFindings(gate, stage.wave)
  const instrument = instrumentView(gate)
  const answer = (
    outcome: VerdictOutcome,
    reasonCode: string,
    reason: string,
    breach: Breach | null = null,
    notBeforeMs: number | null = null,
  ): Judgement => ({
    outcome,
    reasonCode,
    reason,
    metrics,
    findings,
    instrument,
    n: slowest?.entered ?? 0,
    nRequired: slowest?.required ?? null,
    breach,
    notBeforeMs,
  })
  const answered =
    harmAnswer(gate, metrics, stage, answer) ??
    missingAnswer(gate, stage, advanceTests, slowest, answer) ??
    advanceAnswer(gate, advanceTests, stage, answer, betterText(metrics))
  const ends = kind !== 'full' && stage.finished !== true
  const overdue = answered.outcome === 'hold' && ends && isOverdue(stage, gate.enteredThroughMs)
  return overdue ? answer('review', 'MAX_DURATION', overdueReason(gate, stage, answered.reason, slowest)) : answered
}

/** A stage does not hold for ever: at its end a person hears what was missing, and what could be seen with what there is. */
function overdueReason(gate: RunGate, stage: StageView, missing: string, slowest: Slowest | null): string {
  const lasted = `stage ${stage.stageName} has lasted as long as it may: ${missing}`
  if (slowest === null) return lasted
  const state = advanceStateOf(gate, stage.wave, stage.stageEntry, slowest.test.id)
  const visible = visibleDifference(slowest.test, state, gate.calibration.frozen, slowest.required)
  return visible === null ? lasted : `${lasted}; ${visible}`
}

type Answer = (
  outcome: VerdictOutcome,
  reasonCode: string,
  reason: string,
  breach?: Breach | null,
  notBeforeMs?: number | null,
) => Judgement

function obstacleAnswer(answer: Answer, { outcome, code, reason, notBeforeMs }: Obstacle): Judgement {
  return answer(outcome, code, reason, null, notBeforeMs ?? null)
}

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
  if (rollback !== undefined) return answer('rollback', 'BREACH', sentence(gate, metrics, rollback), rollback)
  const [toReview] = gate.breaches
  if (toReview !== undefined && !stage.approved) {
    const keys = gate.ledger.stickyKeys.size
    const few =
      keys < gate.plan.stickyKeysMin && toReview.test.includes('/live_ab/')
        ? `; only ${keys} of ${gate.plan.stickyKeysMin} sticky keys, so a person decides`
        : ''
    return answer('review', 'BREACH_FOR_REVIEW', sentence(gate, metrics, toReview) + few, toReview)
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
    const required = unitsRequired(test, state, gate.calibration.frozen, gate.plan)
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
  if (stage.finished === true)
    return answer('hold', 'BAKING', 'all gates have passed; guardrails stay armed until the bake ends')
  for (const check of obstacleChecks) {
    const obstacle = check(gate, stage, tests)
    if (obstacle !== null) return obstacleAnswer(answer, obstacle)
  }
  return lookAnswer(gate, stage, tests, slowest, answer)
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

/** What the last stage claims, in words; nothing elsewhere. */
function betterText(metrics: readonly MetricVerdict[]): string {
  return metrics
    .flatMap(({ metric, superiority }) => (superiority?.better === true ? [{ metric, ...superiority }] : []))
    .map(({ metric, adjustedP, primaries }) => {
      const over = primaries === 1 ? '' : ` over ${primaries} primaries`
      return `; ${metric} is better (p = ${adjustedP.toPrecision(2)}${over})`
    })
    .join('')
}

function advanceAnswer(
  gate: RunGate,
  tests: readonly AdvanceTest[],
  stage: StageView,
  answer: Answer,
  better: string,
): Judgement {
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
  for (const check of lastChecks) {
    const obstacle = check(gate, stage, tests)
    if (obstacle !== null) return obstacleAnswer(answer, obstacle)
  }
  return answer(
    'advance',
    'ALL_ACCEPTABLE',
    `all ${tests.length} questions passed: no metric is worse by its margin or more${better}`,
  )
}

function sentence({ plan }: RunGate, metrics: readonly MetricVerdict[], breach: Breach): string {
  const metric = metrics.find((candidate) => candidate.test === breach.test)
  if (metric === undefined) return `${breach.test} breached`
  const e =
    metric.eValue === null || metric.eThreshold === null
      ? ''
      : `, e-value ${short(metric.eValue)} ≥ ${short(metric.eThreshold)}`
  const isMean = plan.metrics.find(({ name }) => name === metric.metric)?.kind === 'mean'
  const shown = isMean ? amount : percent
  const rates =
    metric.baselineValue === null || metric.candidateValue === null
      ? ''
      : ` (candidate ${shown(metric.candidateValue)}, baseline ${shown(metric.baselineValue)})`
  return `${describe(metric)} harms${rates}, n = ${metric.n}${e}`
}

function describe(metric: MetricVerdict): string {
  return `${metric.metric} on ${metric.comparison}${metric.slice === null ? '' : ` in ${metric.slice.key} = ${metric.slice.value}`}`
}

function short(value: number): string {
  return value >= 1e6 ? value.toExponential(1) : String(Math.round(value))
}
