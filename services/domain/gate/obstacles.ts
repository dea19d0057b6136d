import type { Arm } from '../events/records.ts'
import { unitsEntered } from './advance-looks.ts'
import { unjudged } from './calibration.ts'
import { worstShare } from './completeness.ts'
import { imbalanceOf } from './completeness-balance.ts'
import { faultyJudge } from './judges.ts'
import { instrumentView } from './noise-floor.ts'
import type { AdvanceTest } from './plan.ts'
import { advanceStateOf, type RunGate } from './run-gate.ts'
import { nameOf, percent } from './sentence-parts.ts'
import { brokenSplit } from './split-watch.ts'
import type { StageView } from './stage-view.ts'
import { misleadingMix } from './traffic-mix.ts'
import { isFull } from './unit-ledger.ts'

/** What stands between a stage and its looks: a reason to hold, or to ask a person. */
export interface Obstacle {
  readonly outcome: 'hold' | 'review'
  readonly code: string
  readonly reason: string
  /** When it is gone, as far as time alone decides; ms since the epoch. */
  readonly notBeforeMs?: number
}

/** Looks for one obstacle in a stage entry; `tests` are the advance tests of its kind of stage. */
export type ObstacleCheck = (gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]) => Obstacle | null

/** Corrections above this share of the entered records freeze verdicts (a source that is so often wrong at first is not done yet). */
const correctedShareMax = 0.005

/** At a limit the gate no longer sees every unit: it permits nothing, and its heartbeat vouches for nothing. */
export function isAtLimit(gate: RunGate): boolean {
  return isFull(gate.ledger) || gate.counts.refused > 0
}

/** In the order in which they are said: first what makes the gate's own numbers unfit, then what is not known yet. Silence is never a pass. */
export const obstacleChecks: readonly ObstacleCheck[] = [
  gateLimit,
  corrections,
  sampleRatio,
  audit,
  judges,
  incident,
  calibrating,
  incomplete,
  unequallyComplete,
  fewUnits,
  trafficMix,
]

function hold(code: string, reason: string): Obstacle {
  return { outcome: 'hold', code, reason }
}

function gateLimit(gate: RunGate): Obstacle | null {
  if (!isAtLimit(gate)) return null
  const limit = `${gate.ledger.entries} of ${gate.ledger.limit} unit entries kept, ${gate.counts.refused} records turned away`
  return hold('GATE_LIMIT', `the gate is at its limit: ${limit}`)
}

function corrections({ counts }: RunGate): Obstacle | null {
  if (counts.corrected <= correctedShareMax * counts.entered) return null
  const left = counts.uncorrectable === 0 ? '' : ` (${counts.uncorrectable} of them could not be applied)`
  const share = `${counts.corrected} corrections of ${counts.entered} entered records${left}`
  return hold('CORRECTIONS', `${share}: more than ${percent(correctedShareMax)}, so no verdict is given`)
}

function sampleRatio(gate: RunGate, stage: StageView): Obstacle | null {
  const split = gate.splits.get(`${stage.wave}/${stage.stageEntry}/`)
  const broken = split === undefined ? null : brokenSplit(split)
  if (broken === null) return null
  const { units, expectedCandidate, p } = broken
  const counted = `${units.candidate} of ${units.baseline + units.candidate} units fell to the candidate`
  const due = `${Math.round(expectedCandidate)} were due (p = ${p.toExponential(1)})`
  return hold('SAMPLE_RATIO', `${counted}, ${due}: the split is broken, so no verdict is given`)
}

function audit(gate: RunGate): Obstacle | null {
  const { audited, fired } = instrumentView(gate)
  if (fired.length === 0) return null
  const share = `${fired.length} of ${audited} tests`
  const why =
    'fired on the baseline against itself, where nothing was changed: the instrument is broken, so no verdict is given'
  return hold(
    'AA_ALARM',
    `${share} (${fired[0]}) ${why}; look at what differs between live and shadow legs of the baseline`,
  )
}

function judges(gate: RunGate): Obstacle | null {
  const faulty = faultyJudge(gate)
  if (faulty === null) return null
  const { metric, judge } = faulty
  if (judge.state === 'expired') {
    const why = `the calibration of ${judge.source} has expired`
    return hold('JUDGE_EXPIRED', `${metric} cannot decide: ${why}; measure it anew and apply the rollout with it`)
  }
  const why = `${judge.source} is not fit (${judge.faults.join(', ')})`
  return hold(
    'JUDGE_UNFIT',
    `${metric} cannot decide: ${why}; calibrate it against people, or make the metric a signal`,
  )
}

function incident(gate: RunGate): Obstacle | null {
  const test = gate.plan.harm.find(({ id }) => gate.harm.get(id)?.exceedance.breached === true)
  if (test === undefined) return null
  const over = `over 1 % of the candidate's requests are over budget now, and not proven more than the baseline's`
  return hold('INCIDENT', `${test.metric}: ${over}`)
}

function calibrating({ calibration, plan }: RunGate): Obstacle | null {
  if (calibration.frozen !== null || plan.calibrationPairs === 0) return null
  const late = calibration.pairs < plan.calibrationPairs ? null : unjudged(calibration, plan)
  if (late !== null)
    return hold(
      'CALIBRATING',
      `${late.metric}: ${late.source} has judged ${late.pairs} A/A pairs, ${late.needed} are needed before its bounds are frozen`,
    )
  return hold('CALIBRATING', `${calibration.pairs} of ${plan.calibrationPairs} A/A pairs calibrated`)
}

function incomplete(gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]): Obstacle | null {
  const needed = gate.plan.joinCompletenessMin
  for (const comparison of new Set(tests.map((test) => test.comparison))) {
    const completeness = gate.completeness.get(`${stage.wave}/${stage.stageEntry}/${comparison}`)
    const share = completeness === undefined ? null : worstShare(completeness)
    if (share === null) return hold('NO_DATA', `no final outcome of ${comparison} in stage ${stage.stageName} yet`)
    if (share < needed) {
      const heard = `only ${percent(share)} of the planned ${comparison} legs were heard of`
      return hold('LOW_COMPLETENESS', `${heard}, ${percent(needed)} are needed`)
    }
  }
  return null
}

/** Unequal losses are a finding even where each arm has enough: what is missing in one arm alone may be what would have told. */
function unequallyComplete(gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]): Obstacle | null {
  // A quarter of the loss that is accepted at all: half a point by default.
  const least = (1 - gate.plan.joinCompletenessMin) / 4
  for (const comparison of new Set(tests.map((test) => test.comparison))) {
    const completeness = gate.completeness.get(`${stage.wave}/${stage.stageEntry}/${comparison}`)
    const found = completeness === undefined ? null : imbalanceOf(completeness, comparison !== 'live_ab', least)
    if (found === null) continue
    const arm = (name: Arm) => `${found.lost[name]} of ${found.planned[name]} legs of the ${name}`
    const reason = `${comparison} has lost ${arm('candidate')} and ${arm('baseline')}: proven unequal (p < .001), so what is missing may be what differs`
    return hold('UNEQUAL_COMPLETENESS', reason)
  }
  return null
}

function fewUnits(gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]): Obstacle | null {
  for (const test of tests) {
    const entered = unitsEntered(test, advanceStateOf(gate, stage.wave, stage.stageEntry, test.id))
    if (entered >= gate.plan.unitsMin) continue
    return hold('FEW_UNITS', `${entered} units of ${nameOf(test)}, at least ${gate.plan.unitsMin} are needed`)
  }
  return null
}

function trafficMix(gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]): Obstacle | null {
  const reason = misleadingMix(gate, stage, tests)
  return reason === null ? null : { outcome: 'review', code: 'TRAFFIC_MIX', reason }
}
