import type { Comparison } from '../events/records.ts'
import { holmAdjusted } from '../stats/multiplicity/adjusted-p.ts'
import { pooledEstimate } from '../stats/slices/pooled-estimate.ts'
import type { DifferenceEstimate } from './advance-amounts.ts'
import { type AdvanceState, differenceOf } from './advance-state.ts'
import type { Obstacle } from './obstacles.ts'
import type { AdvanceTest } from './plan.ts'
import type { RunGate } from './run-gate.ts'
import { nameOf } from './sentence-parts.ts'
import type { StageView } from './stage-view.ts'

/** Chance that a gate of a candidate whose difference is the same in all stages asks a person for nothing. */
const driftAlpha = 0.05

/**
 * Does the difference change from stage to stage? Cochran's Q over the estimates of a wave's stage entries, each at the look at which its question
 * passed, for every deciding question, by Holm within this gate. Asked once all questions have passed, so of numbers that stand still: a stage asks
 * once. What a person has approved is the new beginning: stages before it are not held against later ones.
 */
export function stageDrift(gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]): Obstacle | null {
  if (stage.approved) return null
  const series = tests
    .filter((test) => test.slice === null)
    .map((test) => ({ test, stages: estimatesOf(gate, stage, test) }))
    .filter(({ stages }) => stages.length > 1)
  const raw = series.map(({ stages }) => {
    const effects = stages.map(({ estimate }) => estimate.difference)
    const errors = stages.map(({ estimate }) => estimate.error)
    return pooledEstimate({ effects, errors }, driftAlpha).p
  })
  const adjusted = holmAdjusted(raw)
  const worst = adjusted.indexOf(Math.min(...adjusted))
  const found = series[worst]
  const p = adjusted[worst]
  if (found === undefined || p === undefined || p >= driftAlpha) return null
  const numbers = found.stages.map(
    ({ entry, estimate: { difference, n } }) =>
      `entry ${entry}: ${difference < 0 ? '−' : '+'}${(Math.abs(difference) * 100).toFixed(2)} points, n = ${n}`,
  )
  const reason = `${nameOf(found.test)} is not the same in all stages (Q test, p = ${p.toPrecision(2)}): ${numbers.join('; ')}`
  return { outcome: 'review', code: 'STAGE_DRIFT', reason }
}

interface StageEstimate {
  readonly entry: number
  readonly estimate: DifferenceEstimate
}

/** Of one question, by stage entry, from the last approved one on; entries with fewer units than any gate would advance on say nothing. */
function estimatesOf(gate: RunGate, { wave, stageEntry }: StageView, test: AdvanceTest): readonly StageEstimate[] {
  const approved = gate.approvals.filter((approval) => approval.wave === wave).map((approval) => approval.stageEntry)
  const from = Math.max(0, ...approved.filter((entry) => entry < stageEntry))
  const found: StageEstimate[] = []
  for (const sibling of siblingsOf(gate.plan.advance, test.metric, test.comparison))
    for (let entry = from; entry <= stageEntry; entry += 1) {
      const state = gate.advance.get(`${wave}/${entry}/${sibling.id}`)
      const estimate = state === undefined ? null : estimateAtPass(sibling, state)
      if (estimate !== null && estimate.n >= gate.plan.unitsMin) found.push({ entry, estimate })
    }
  return found.sort((a, b) => a.entry - b.entry)
}

/** The same question in stages of another kind. */
function siblingsOf(tests: readonly AdvanceTest[], metric: string, comparison: Comparison): readonly AdvanceTest[] {
  return tests.filter((test) => test.metric === metric && test.comparison === comparison && test.slice === null)
}

function estimateAtPass(test: AdvanceTest, state: AdvanceState): DifferenceEstimate | null {
  return state.passedWith ?? differenceOf(test, state)
}
