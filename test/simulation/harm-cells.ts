import type { Cell } from './cell.ts'
import type { Draw } from './draws.ts'
import { failed } from './null-worlds.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

const plan = planOf()

/** e-value at which the test acts, as the plan's error budget has it. */
export function thresholdOf(test: string): string {
  const found = plan.harm.find(({ id }) => id === test)
  if (found === undefined) throw new Error(`no test ${test}`)
  return `acts at E ≥ ${Math.round(1 / found.alpha).toLocaleString('en')}`
}

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

/** Six points more refusals at a discordance of 12 %, from the entry of a stage or amid one, after so many clean pairs. */
function sixPoints(uniform: Draw, cleanPairs: number, onset: 'with-stage' | 'amid'): number {
  const run = new VirtualRun(plan, 0)
  for (let i = 0; i < cleanPairs; i += 1) refusalPair(run, `clean-${i}`, uniform(), 0.06, 0.06)
  run.settle()
  if (onset === 'with-stage') run.enterStage(10_000)
  return unitsUntilRollback(run, 8_000, (i) => refusalPair(run, `session-${i}`, uniform(), 0.09, 0.03))
}

/** Live traffic at 10 %; 300 sound users first: below 200 sticky keys a person decides, and no gate latches by itself. */
function liveErrors(uniform: Draw, candidateRate: number): number {
  const run = new VirtualRun(plan, 10_000)
  const live = (unit: string, rate: number) => {
    const isCandidate = uniform() < run.share
    const isError = uniform() < (isCandidate ? rate : 0.01)
    run.live(isCandidate ? 'candidate' : 'baseline', unit, isError ? failed : {})
    run.wait(100)
  }
  for (let i = 0; i < 300; i += 1) live(`sound-${i}`, 0.01)
  run.settle()
  return unitsUntilRollback(run, 30_000, (i) => live(`user-${i}`, candidateRate))
}

function alwaysFailsInShadow(): number {
  const run = new VirtualRun(plan, 0)
  return unitsUntilRollback(run, 500, (i) => {
    run.pair('shadow_ab', `session-${i}`, {}, failed)
    run.wait(250)
  })
}

const units = (value: number) => ({ kind: 'median-at-most', value, unit: 'units of the candidate' }) as const
const refusals = thresholdOf('harm/refusal/content_ab/paired_binary')
const errors = thresholdOf('harm/error/live_ab/event_share')
const shadowErrors = thresholdOf('harm/error/shadow_ab/paired_binary')

/** Harm that must be found, at the thresholds of the default policy with all its guardrails. */
export const harmCells: readonly Cell[] = [
  {
    name: 'harm/six-points',
    world: `refusals +6 points at ψ = .12, paired (${refusals}): units until the latch`,
    aim: units(800),
    plan,
    shortRuns: 11,
    run: (uniform) => sixPoints(uniform, 0, 'with-stage'),
  },
  {
    name: 'harm/six-points-after-15000',
    world: 'the same from the entry of the stage after 15,000 clean pairs: units from the onset until the latch',
    aim: units(800),
    plan,
    shortRuns: 3,
    run: (uniform) => sixPoints(uniform, 15_000, 'with-stage'),
  },
  {
    name: 'harm/six-points-mid-hour',
    world:
      'the same amid a stage, up to an hour after the last restart (16,000 to 30,000 clean pairs): units from the onset',
    aim: units(800),
    plan,
    shortRuns: 3,
    run: (uniform) => sixPoints(uniform, 16_000 + Math.floor(uniform() * 14_000), 'amid'),
  },
  {
    name: 'harm/always-fails',
    world: `every live request of the candidate fails after 300 sound users, share 10 % (${errors}): units until the latch`,
    aim: units(20),
    plan,
    shortRuns: 11,
    run: (uniform) => liveErrors(uniform, 1),
  },
  {
    name: 'harm/always-fails-in-shadow',
    world: `every shadow call of the candidate fails (${shadowErrors}): pairs until the latch`,
    aim: units(20),
    plan,
    shortRuns: 1,
    run: alwaysFailsInShadow,
  },
  {
    name: 'harm/rate-ratio-5',
    world: `five times the errors on 1 %, share 10 % (${errors}): units until the latch`,
    aim: units(400),
    plan,
    shortRuns: 11,
    run: (uniform) => liveErrors(uniform, 0.05),
  },
]
