import type { Cell, Draw } from './cell.ts'
import { type LegChange, planOf, VirtualRun } from './virtual-run.ts'

const plan = planOf()
const signal = { role: 'signal' } as const
const onlyRefusals = {
  error: signal,
  fast_error: signal,
  fast_refusal: signal,
  latency_over_budget: signal,
  ttft_over_budget: signal,
  abandoned: signal,
}
/** Refusals alone decide, within 5 points. */
const advancePlan = planOf({ metrics: { refusal: { margin: { absolute: 0.05 }, assumedRate: 0.1 }, ...onlyRefusals } })
const failed: LegChange = { resolution: 'failed', durationMs: 300 }

/** Refusals of a pair: only the candidate's with probability `only`, only the baseline's with `base`. */
function refusalPair(run: VirtualRun, unit: string, drawn: number, only: number, base: number): void {
  run.pair('content_ab', unit, { refused: drawn >= only && drawn < only + base }, { refused: drawn < only })
  run.wait(250)
}

/** Units of the candidate, of those that `exchange` feeds, that the gate had to see until it latched. */
function unitsUntilRollback(run: VirtualRun, most: number, exchange: (index: number) => void): number {
  const before = run.candidateUnits
  for (let index = 0; index < most && run.rollback() === null; index += 1) exchange(index)
  run.settle()
  return run.unitsSeen() - before
}

function sixPoints(uniform: Draw, cleanPairs: number, onset: 'with-stage' | 'mid-hour'): number {
  const run = new VirtualRun(plan, 0)
  for (let i = 0; i < cleanPairs; i += 1) refusalPair(run, `clean-${i}`, uniform(), 0.06, 0.06)
  run.settle()
  if (onset === 'with-stage') run.enterStage(10_000)
  return unitsUntilRollback(run, 4_000, (i) => refusalPair(run, `session-${i}`, uniform(), 0.09, 0.03))
}

/** 300 sound users first: below 200 sticky keys a person decides, and no gate latches by itself. */
function alwaysFails(uniform: Draw): number {
  const run = new VirtualRun(plan, 10_000)
  const live = (unit: string, candidateFails: number) => {
    const isCandidate = uniform() < run.share
    const isError = uniform() < (isCandidate ? candidateFails : 0.01)
    run.live(isCandidate ? 'candidate' : 'baseline', unit, isError ? failed : {})
    run.wait(100)
  }
  for (let i = 0; i < 300; i += 1) live(`sound-${i}`, 0.01)
  run.settle()
  return unitsUntilRollback(run, 5_000, (i) => live(`user-${i}`, 1))
}

function alwaysFailsInShadow(): number {
  const run = new VirtualRun(plan, 0)
  return unitsUntilRollback(run, 500, (i) => {
    run.pair('shadow_ab', `session-${i}`, {}, failed)
    run.wait(250)
  })
}

function fiveTimes(uniform: Draw): number {
  const run = new VirtualRun(plan, 10_000)
  return unitsUntilRollback(run, 30_000, (i) => {
    const isCandidate = uniform() < run.share
    const isError = uniform() < (isCandidate ? 0.05 : 0.01)
    run.live(isCandidate ? 'candidate' : 'baseline', `user-${i}`, isError ? failed : {})
    run.wait(250)
  })
}

/** Feeds exchanges until the test has passed (1) or spent its looks (0). */
function passes(run: VirtualRun, test: string, exchange: (index: number) => void): number {
  const id = `all/1/advance/${test}`
  for (let index = 0; index < 6_000; index += 1) {
    exchange(index)
    run.wait(250)
    const state = run.gate.advance.get(id)
    if (state?.passed === true) return 1
    if (state?.statistics.length === advancePlan.looks.length) return 0
  }
  return 0
}

function pairedPasses(uniform: Draw, only: number, base: number): number {
  const run = new VirtualRun(advancePlan, 0)
  return passes(run, 'shadow/refusal/content_ab', (i) => refusalPair(run, `session-${i}`, uniform(), only, base))
}

function unpairedPasses(uniform: Draw, candidate: number, baseline: number): number {
  const run = new VirtualRun(advancePlan, 50_000)
  return passes(run, 'canary/refusal/live_ab', (i) => {
    const arm = uniform() < run.share ? 'candidate' : 'baseline'
    run.live(arm, `user-${i}`, { refused: uniform() < (arm === 'candidate' ? candidate : baseline) })
  })
}

const units = (value: number) => ({ kind: 'median-at-most', value, unit: 'units of the candidate' }) as const
const unfit = { kind: 'share-at-most', share: 0.05 } as const
const fit = { kind: 'share-at-least', share: 0.8 } as const

/** Harm that must be found, and what may and may not advance. */
export const powerCells: readonly Cell[] = [
  {
    name: 'harm/six-points',
    world: 'refusals +6 points at ψ = .12, paired: units until the latch',
    aim: units(800),
    shortRuns: 21,
    run: (uniform) => sixPoints(uniform, 0, 'with-stage'),
  },
  {
    name: 'harm/six-points-after-15000',
    world: 'the same from the entry of the stage after 15,000 clean pairs: units from the onset until the latch',
    aim: units(800),
    shortRuns: 5,
    run: (uniform) => sixPoints(uniform, 15_000, 'with-stage'),
  },
  {
    name: 'harm/six-points-mid-hour',
    world: 'the same, but the onset falls amid an hour and a stage, 850 clean pairs after the last restart',
    aim: units(1_600),
    shortRuns: 5,
    run: (uniform) => sixPoints(uniform, 15_000, 'mid-hour'),
  },
  {
    name: 'harm/always-fails',
    world: 'every live request of the candidate fails after 300 sound users, share 10 %: units until the latch',
    aim: units(20),
    shortRuns: 21,
    run: alwaysFails,
  },
  {
    name: 'harm/always-fails-in-shadow',
    world: 'every shadow call of the candidate fails: pairs until the latch',
    aim: units(20),
    shortRuns: 1,
    run: alwaysFailsInShadow,
  },
  {
    name: 'harm/rate-ratio-5',
    world: 'five times the errors on 1 %, share 10 %: units until the latch',
    aim: units(400),
    shortRuns: 21,
    run: fiveTimes,
  },
  {
    name: 'advance/paired-at-margin',
    world: 'paired, truly worse by the margin: passes a gate',
    aim: unfit,
    shortRuns: 150,
    run: (uniform) => pairedPasses(uniform, 0.075, 0.025),
  },
  {
    name: 'advance/unpaired-at-margin',
    world: 'live arms, truly worse by the margin: passes a gate',
    aim: unfit,
    shortRuns: 60,
    run: (uniform) => unpairedPasses(uniform, 0.1, 0.05),
  },
  {
    name: 'advance/paired-harmless',
    world: 'paired, harmless: passes a gate within its looks',
    aim: fit,
    shortRuns: 30,
    run: (uniform) => pairedPasses(uniform, 0.05, 0.05),
  },
  {
    name: 'advance/unpaired-harmless',
    world: 'live arms, harmless: passes a gate within its looks',
    aim: fit,
    shortRuns: 20,
    run: (uniform) => unpairedPasses(uniform, 0.07, 0.07),
  },
]
