import { formatDuration } from '../policy/units-of-measure.ts'
import type { StageSpec } from '../rollout/spec.ts'
import { audienceShares } from './audience.ts'
import { type PlannedQuestion, plannedQuestions, type StagePlace } from './planned-questions.ts'
import { type ShadowBill, shadowBill } from './shadow-bill.ts'
import { hourMs, hoursUntil } from './traffic-profile.ts'

export interface PlannedStage {
  readonly wave: string
  readonly stage: string
  readonly candidateWeight: number
  readonly approval: 'automatic' | 'manual'
  readonly entersAtMs: number
  readonly endsAtMs: number
  readonly hours: number
  readonly minDurationMs: number
  readonly maxDurationMs: number
  /** Hours until the noise floor is calibrated, without which there is no look; 0 after the first stage, null: never. */
  readonly calibratedHours: number | null
  readonly questions: readonly PlannedQuestion[]
  /** From 1: the first look by which a harmless candidate fails to pass with no more than this gate's share of β; null without questions. */
  readonly look: number | null
  /** Hours until every question has had that look; null: never. 0 without questions. */
  readonly evidenceHours: number | null
  /** Hours until every question on pairs has had it. */
  readonly pairedHours: number | null
  /** Chance that a harmless candidate has not passed all questions by each look, at most (sum over questions). */
  readonly missByLook: readonly number[]
  /** What decides how long it takes: a test's id, `calibration`, `minimum duration`, or `whole periods of …`. */
  readonly boundBy: string
  readonly shadow: ShadowBill
  /** Shadow calls until the questions on pairs are answered. */
  readonly shadowForEvidence: ShadowBill
}

/** When a stage is taken to end: at its planned look, or at a numbered one for every stage. */
export type LookChoice = 'planned' | 'first' | 'last'

export interface StageChoice {
  /** The noise floor is calibrated in this stage. */
  readonly calibrates: boolean
  /** A gate's share of the total chance of missing a harmless candidate. */
  readonly missMax: number
  readonly choice: LookChoice
}

/** Plans one stage that is entered at `startMs`. One that traffic can never end is given its maximum duration, so that later dates mean something. */
export function plannedStage(place: StagePlace, options: StageChoice): PlannedStage {
  const { plan, wave, stage, startMs } = place
  const calibratedHours = options.calibrates ? hoursToCalibrate(place) : 0
  const questions = plannedQuestions(place, calibratedHours)
  const missByLook = plan.looks.map((_, index) =>
    Math.min(
      1,
      questions.reduce((sum, { looks }) => sum + 1 - (looks[index]?.power ?? 0), 0),
    ),
  )
  const look = questions.length === 0 ? null : lookOf(missByLook, options)
  const hoursOf = (question: PlannedQuestion) => question.looks[(look ?? 1) - 1]?.hours ?? null
  const slowest = questions.reduce<PlannedQuestion | null>(
    (worst, question) =>
      worst === null || (hoursOf(question) ?? Number.POSITIVE_INFINITY) > (hoursOf(worst) ?? Number.POSITIVE_INFINITY)
        ? question
        : worst,
    null,
  )
  const evidenceHours = slowest === null ? 0 : hoursOf(slowest)
  const paired = questions.filter(({ counts }) => counts === 'pairs').map(hoursOf)
  const pairedHours = paired.includes(null) ? null : Math.max(0, ...paired.map((hours) => hours ?? 0))
  const minHours = stage.minDurationMs / hourMs
  const hours = Math.max(minHours, evidenceHours ?? stage.maxDurationMs / hourMs)
  const requests = hourlyRequestsOf(place)
  return {
    wave: wave.id,
    stage: stage.name,
    candidateWeight: stage.candidateWeight,
    approval: stage.approval,
    entersAtMs: startMs,
    endsAtMs: startMs + hours * hourMs,
    hours,
    minDurationMs: stage.minDurationMs,
    maxDurationMs: stage.maxDurationMs,
    calibratedHours,
    questions,
    look,
    evidenceHours,
    pairedHours,
    missByLook,
    boundBy: boundBy(stage, slowest, evidenceHours, calibratedHours),
    shadow: shadowBill(place, requests, hours),
    shadowForEvidence: shadowBill(place, requests, pairedHours ?? hours),
  }
}

function lookOf(missByLook: readonly number[], { choice, missMax }: StageChoice): number {
  if (choice === 'first') return 1
  const enough = missByLook.findIndex((miss) => miss <= missMax)
  return choice === 'last' || enough === -1 ? missByLook.length : enough + 1
}

function boundBy(
  { minDurationMs, wholePeriodMs }: StageSpec,
  slowest: PlannedQuestion | null,
  evidenceHours: number | null,
  calibratedHours: number | null,
): string {
  const minHours = minDurationMs / hourMs
  if (slowest === null || (evidenceHours !== null && evidenceHours <= minHours))
    return wholePeriodMs === null ? 'minimum duration' : `whole periods of ${formatDuration(wholePeriodMs)}`
  return evidenceHours === calibratedHours ? 'calibration' : slowest.test
}

function hourlyRequestsOf({ spec, traffic, wave }: StagePlace): readonly number[] {
  const audience = audienceShares(spec, traffic, wave, null)
  return traffic.hourlyRequests.map((requests, hour) => requests * (audience[hour] ?? 0))
}

/** A/A pairs are exchanges, not units: every second leg counts. Of waves side by side all bring them, since the noise floor is the run's. */
function hoursToCalibrate(place: StagePlace): number | null {
  const { plan, spec, startMs } = place
  if (plan.calibrationPairs === 0) return 0
  const { share, secondLegShare } = spec.shadow
  const begun = spec.waveOrder === 'together' ? spec.waves : [place.wave]
  const hourly = begun.map((wave) => {
    const weight = (wave === place.wave ? place.stage : wave.stages[0])?.candidateWeight ?? 0
    const rate = share * secondLegShare * (1 - weight / 100_000) * plan.joinCompletenessMin
    return hourlyRequestsOf({ ...place, wave }).map((requests) => requests * rate)
  })
  const pairs = place.traffic.hourlyRequests.map((_, hour) => hourly.reduce((sum, of) => sum + (of[hour] ?? 0), 0))
  return hoursUntil(pairs, startMs, plan.calibrationPairs)
}
