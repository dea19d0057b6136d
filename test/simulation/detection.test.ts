import { describe, expect, it } from 'vitest'
import { median } from './rates.ts'
import { type LegChange, planOf, uniforms, VirtualRun } from './virtual-run.ts'

/** How many units of the candidate each run took until its gate latched. */
function unitsUntilRollback(runs: number, one: (seed: number) => number): readonly number[] {
  return Array.from({ length: runs }, (_, index) => one(index + 1))
}

/** Refusals of a pair: only the candidate's with probability `only`, only the baseline's with `base`. */
function refusalPair(run: VirtualRun, unit: string, uniform: number, only: number, base: number): void {
  const candidate = uniform < only
  run.pair('content_ab', unit, { refused: !candidate && uniform < only + base }, { refused: candidate })
  run.wait(250)
}

/** Units of the candidate, of those that `exchange` feeds, that the gate had to see until it latched. */
function unitsFrom(run: VirtualRun, most: number, exchange: (index: number) => void): number {
  const before = run.candidateUnits
  for (let index = 0; index < most && run.rollback() === null; index += 1) exchange(index)
  run.settle()
  return run.unitsSeen() - before
}

describe('harm is found', () => {
  const plan = planOf()

  it('six points more refusals at ψ = .12: within 800 pairs in the median', () => {
    const found = unitsUntilRollback(31, (seed) => {
      const uniform = uniforms(seed)
      const run = new VirtualRun(plan, 0)
      return unitsFrom(run, 4_000, (i) => refusalPair(run, `session-${i}`, uniform(), 0.09, 0.03))
    })
    expect(median(found)).toBeLessThanOrEqual(800)
  })

  it('the same after 14,524 clean pairs: a long good history does not deafen the gate', () => {
    const found = unitsUntilRollback(9, (seed) => {
      const uniform = uniforms(100 + seed)
      const run = new VirtualRun(plan, 0)
      for (let i = 0; i < 14_524; i += 1) refusalPair(run, `clean-${i}`, uniform(), 0.06, 0.06)
      run.settle()
      expect(run.rollback()).toBeNull()
      return unitsFrom(run, 4_000, (i) => refusalPair(run, `session-${i}`, uniform(), 0.09, 0.03))
    })
    expect(median(found)).toBeLessThanOrEqual(800)
  })

  it.each([
    [
      'fails every shadow call',
      (run: VirtualRun, i: number) => run.pair('shadow_ab', `s-${i}`, {}, { resolution: 'failed' }),
    ],
    ['refuses everything', (run: VirtualRun, i: number) => run.pair('content_ab', `s-${i}`, {}, { refused: true })],
  ] as const)('a candidate that %s: within 20 units', (_, exchange) => {
    const run = new VirtualRun(plan, 0)
    const found = unitsFrom(run, 500, (i) => {
      exchange(run, i)
      run.wait(250)
    })
    expect(found).toBeLessThanOrEqual(20)
  })

  it('a candidate that fails every live request: within 20 of its units, within 40 after 500 clean ones in the same hour', () => {
    const fault: LegChange = { resolution: 'failed', durationMs: 300 }
    for (const [clean, most] of [
      [0, 20],
      [5_000, 40],
    ] as const) {
      const uniform = uniforms(200 + clean)
      const run = new VirtualRun(plan, 10_000)
      const live = (unit: string, candidateRate: number) => {
        const isCandidate = uniform() < run.share
        const isFault = uniform() < (isCandidate ? candidateRate : 0.01)
        run.live(isCandidate ? 'candidate' : 'baseline', unit, isFault ? fault : {})
        run.wait(100)
      }
      for (let i = 0; i < clean + 300; i += 1) live(`clean-${i}`, 0.01)
      run.settle()
      expect(run.rollback()).toBeNull()
      expect(unitsFrom(run, 2_000, (i) => live(`user-${i}`, 1))).toBeLessThanOrEqual(most)
    }
  })

  it('five times the errors on 1 % at a share of 10 %: within 400 units of the candidate in the median', () => {
    const found = unitsUntilRollback(31, (seed) => {
      const uniform = uniforms(300 + seed)
      const run = new VirtualRun(plan, 10_000)
      return unitsFrom(run, 30_000, (i) => {
        const isCandidate = uniform() < run.share
        const error: LegChange =
          uniform() < (isCandidate ? 0.05 : 0.01) ? { resolution: 'failed', durationMs: 300 } : {}
        run.live(isCandidate ? 'candidate' : 'baseline', `user-${i}`, error)
        run.wait(250)
      })
    })
    expect(median(found)).toBeLessThanOrEqual(400)
  })

  it('below 200 sticky keys a person decides instead, and the gate latches by itself once there are enough', () => {
    const uniform = uniforms(7)
    const run = new VirtualRun(plan, 50_000)
    const live = (i: number) => {
      const isCandidate = uniform() < run.share
      run.live(isCandidate ? 'candidate' : 'baseline', `tenant-${i}`, isCandidate ? { resolution: 'failed' } : {})
      run.wait(250)
    }
    for (let i = 0; i < 150; i += 1) live(i)
    run.settle()
    expect(run.judge()).toMatchObject({ outcome: 'review', reasonCode: 'BREACH_FOR_REVIEW' })
    expect(run.judge().reason).toContain('only 150 of 200 sticky keys')
    for (let i = 150; i < 260; i += 1) live(i)
    run.settle()
    expect(run.judge().outcome).toBe('rollback')
  })
})
