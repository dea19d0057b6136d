import { compilePlan } from '../../../services/domain/gate/compile-plan.ts'
import type { AnalysisPlan } from '../../../services/domain/gate/plan.ts'
import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'
import { specFromDocument } from '../../../services/domain/policy/spec-from-document.ts'
import { type Draw, uniforms } from '../../simulation/draws.ts'
import type { LegChange } from '../../simulation/traffic.ts'
import { VirtualRun } from '../../simulation/virtual-run.ts'
import { type Quantiles, quantilesOf } from '../support/quantiles.ts'
import { canaryShare, type FaultCell } from './fault-cell.ts'
import { answerMs, type FaultKind, slowAnswerMs } from './model-server.ts'
import { guardedRollout } from './rollouts.ts'
import { questions } from './steady-traffic.ts'

/** What the same gate does in virtual time, with nothing between evidence and gate: the plan's own e-processes at their thresholds. */
export interface Predicted {
  readonly runs: number
  /** From the arrival of the first bad answer's call to the moment at which the deciding record is final: units over traffic, plus horizon and grace. */
  readonly latchS: Quantiles
  readonly badAnswers: Quantiles
}

export interface Prediction {
  readonly cell: FaultCell
  readonly predicted: Predicted
}

const runs = 100
const soundExchanges = 400
const exchangesMax = 20_000
const seed = 40

/** Takes some minutes of processor time, and no servers. */
export function predictFaults(cells: readonly FaultCell[]): readonly Prediction[] {
  return cells.map((cell) => ({ cell, predicted: predictFault(cell) }))
}

function predictFault(cell: FaultCell): Predicted {
  const latched = simulated(planOf(guardedRollout('simulated', cell.horizons)), cell)
  return {
    runs,
    latchS: quantilesOf(latched.map(({ seconds }) => seconds)),
    badAnswers: quantilesOf(latched.map(({ bad }) => bad)),
  }
}

function planOf(document: RolloutDocument): AnalysisPlan {
  const golden = { digest: 'simulated', chunks: 1, entries: questions }
  const result = specFromDocument(document, golden)
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return compilePlan(result.spec)
}

interface Latched {
  readonly seconds: number
  readonly bad: number
}

function simulated(plan: AnalysisPlan, cell: FaultCell): readonly Latched[] {
  return Array.from({ length: runs }, (_, index) => simulateOne(plan, cell, uniforms(seed + index)))
}

function simulateOne(plan: AnalysisPlan, cell: FaultCell, uniform: Draw): Latched {
  const run = new VirtualRun(plan, canaryShare * 100_000)
  const badAt: number[] = []
  let firstMs: number | null = null
  const exchange = (index: number, isBroken: boolean) => {
    const answer = (): LegChange => (isBroken && uniform() < cell.share ? legOf(cell.kind) : sound)
    const unit = `user-${index}`
    if (uniform() < canaryShare) {
      const leg = answer()
      run.live('candidate', unit, leg)
      if (leg !== sound) {
        badAt.push(run.nowMs)
        firstMs ??= run.nowMs
      }
    } else {
      run.live('baseline', unit, sound)
      const shadow = answer()
      run.pair('content_ab', unit, sound, shadow)
      if (uniform() < secondLegShare) run.pair('shadow_ab', unit, sound, shadow)
    }
    // Times on the log are whole ms.
    const dueMs = (number: number) => Math.round((number * 1_000) / cell.perSecond)
    run.wait(dueMs(index + 1) - dueMs(index))
  }
  for (let index = 0; index < soundExchanges; index += 1) exchange(index, false)
  for (let index = soundExchanges; index < exchangesMax && run.rollback() === null; index += 1) exchange(index, true)
  const breach = run.rollback()
  if (breach === null || firstMs === null) return { seconds: Number.POSITIVE_INFINITY, bad: Number.POSITIVE_INFINITY }
  const { releaseMs } = breach
  return { seconds: (releaseMs - firstMs) / 1_000, bad: badAt.filter((atMs) => atMs <= releaseMs).length }
}

const secondLegShare = 0.1
const sound: LegChange = { durationMs: answerMs, ttftMs: answerMs, goldenWrong: false }

const legs: Readonly<Record<FaultKind, LegChange>> = {
  errors: { ...sound, resolution: 'failed', durationMs: 5, hasOutput: false },
  slow: { ...sound, durationMs: slowAnswerMs, ttftMs: slowAnswerMs },
  truncated: { ...sound, resolution: 'failed', isWhole: false },
  wrong: { ...sound, goldenWrong: true },
  refusals: { ...sound, refused: true, goldenWrong: true },
}

function legOf(kind: FaultKind): LegChange {
  return legs[kind]
}
