import { audienceShares } from './audience.ts'
import type { PlanInput, PlannedQuestion } from './planned-questions.ts'
import type { PlannedStage } from './planned-stage.ts'

/** Why a plan cannot be kept. */
export interface PlanProblem {
  /** absent: nobody of the segment is in the wave. time: a stage's maximum duration is too short. calls, money: shadowing would pause before its questions are answered. */
  readonly kind: 'absent' | 'time' | 'calls' | 'money'
  readonly wave: string
  readonly stage: string
  /** Tests that fail by it; empty for a budget. */
  readonly tests: readonly string[]
  readonly message: string
  /** calls, money: what the run needs; null otherwise. */
  readonly needed: number | null
}

/** Every stage whose questions cannot be answered in its time or within the shadow budget. Empty: the plan can be kept. */
export function planProblems(input: PlanInput, stages: readonly PlannedStage[]): readonly PlanProblem[] {
  return [...stages.flatMap((stage) => stageProblems(input, stage)), ...budgetProblems(input, stages)]
}

function stageProblems(input: PlanInput, stage: PlannedStage): readonly PlanProblem[] {
  const { wave, stage: name, look, questions, maxDurationMs } = stage
  if (look === null) return []
  const absent = questions.filter((question) => isAbsent(input, stage, question))
  if (absent.length > 0) {
    const [first] = absent
    const segment = first?.slice == null ? 'request' : `request with ${first.slice.key}=${first.slice.value}`
    return [
      {
        kind: 'absent',
        wave,
        stage: name,
        tests: absent.map(({ test }) => test),
        message: `no ${segment} can be in wave ${wave}: stage ${name} would wait for ever; leave the segment out of criticalSlices, or change what the wave matches`,
        needed: null,
      },
    ]
  }
  const maxHours = maxDurationMs / 3_600_000
  const late = questions.filter((question) => {
    const hours = question.looks[look - 1]?.hours
    return hours == null || hours > maxHours
  })
  const [slowest] = [...late].sort((a, b) => a.unitsInTime / unitsAt(a, look) - b.unitsInTime / unitsAt(b, look))
  if (slowest === undefined) return []
  const what = slowest.counts === 'pairs' ? 'pairs' : 'candidate units'
  const calibrated = stage.calibratedHours
  const message =
    calibrated === null || calibrated > maxHours
      ? `the noise floor is not calibrated within ${rounded(maxHours)} h: ${input.plan.calibrationPairs} pairs of two baseline answers are needed`
      : `${nameOf(slowest)} needs ${unitsAt(slowest, look)} ${what} by look ${look}, and ${rounded(maxHours)} h bring ${Math.floor(slowest.unitsInTime)}`
  return [{ kind: 'time', wave, stage: name, tests: late.map(({ test }) => test), message, needed: null }]
}

/** More than traffic is missing: not one request of an hour can belong. */
function isAbsent({ spec, traffic }: PlanInput, stage: PlannedStage, question: PlannedQuestion): boolean {
  const wave = spec.waves.find(({ id }) => id === stage.wave)
  return wave !== undefined && audienceShares(spec, traffic, wave, question.slice).every((share) => share === 0)
}

/** Calls are counted to the moment at which the last question on pairs is answered, of each wave where they go side by side; after that a pause harms nobody. */
function budgetProblems({ spec }: PlanInput, stages: readonly PlannedStage[]): readonly PlanProblem[] {
  const asksPairs = ({ questions }: PlannedStage) => questions.some(({ counts }) => counts === 'pairs')
  const stage = stages.findLast(asksPairs)
  if (stage === undefined) return []
  const chains =
    spec.waveOrder === 'together' ? spec.waves.map(({ id }) => stages.filter(({ wave }) => wave === id)) : [stages]
  const bills = chains.flatMap((chain) => {
    const last = chain.findLastIndex(asksPairs)
    return chain.slice(0, last + 1).map((each, index) => (index === last ? each.shadowForEvidence : each.shadow))
  })
  const calls = bills.reduce((sum, bill) => sum + bill.calls, 0)
  const money = bills.reduce<number | null>(
    (sum, { microUsd }) => (sum === null || microUsd === null ? null : sum + microUsd),
    0,
  )
  const problems: PlanProblem[] = []
  const at = { wave: stage.wave, stage: stage.stage, tests: [] }
  const late = `before stage ${stage.stage} of wave ${stage.wave} has its pairs`
  if (calls > spec.shadow.budgetCalls)
    problems.push({
      ...at,
      kind: 'calls',
      message: `${Math.ceil(calls)} shadow calls are needed and the budget allows ${spec.shadow.budgetCalls}: shadowing would pause ${late}`,
      needed: Math.ceil(calls),
    })
  if (money !== null && money > spec.shadow.budgetMicroUsd)
    problems.push({
      ...at,
      kind: 'money',
      message: `shadow calls for $${(money / 1e6).toFixed(2)} are needed and the budget allows $${(spec.shadow.budgetMicroUsd / 1e6).toFixed(2)}: shadowing would pause ${late}`,
      needed: Math.ceil(money),
    })
  return problems
}

function unitsAt(question: PlannedQuestion, look: number): number {
  return question.looks[look - 1]?.units ?? Number.POSITIVE_INFINITY
}

/** A question as people call it. */
function nameOf({ metric, comparison, slice }: Pick<PlannedQuestion, 'metric' | 'comparison' | 'slice'>): string {
  return `${metric} on ${comparison}${slice === null ? '' : ` in ${slice.key}=${slice.value}`}`
}

function rounded(value: number): string {
  return String(Number(value.toFixed(1)))
}
