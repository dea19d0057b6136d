import { describe, expect, it } from 'vitest'
import { noteApprovals } from '../../services/domain/gate/run-gate.ts'
import { uniforms } from './draws.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** Pairs at a discordance of 12 %, all else equal; `only` is the candidate's part of it. */
function refusals(run: VirtualRun, seed: number, pairs: number, only: number, until = () => false): number {
  const uniform = uniforms(seed)
  for (let i = 0; i < pairs; i += 1) {
    const drawn = uniform()
    run.pair(
      'content_ab',
      `session-${seed}-${i}`,
      { refused: drawn >= only && drawn < 0.12 },
      { refused: drawn < only },
    )
    run.wait(250)
    if (until()) return i + 1
  }
  return Number.POSITIVE_INFINITY
}

describe('after a person approved what is worse, but within its margin', () => {
  const plan = planOf({ metrics: { refusal: { margin: { absolute: 0.05 }, assumedRate: 0.1 } } })
  const id = 'harm/refusal/content_ab/paired_binary'

  function approvedRun(seed: number): VirtualRun {
    const run = new VirtualRun(plan, 0)
    refusals(run, seed, 6_000, 0.08)
    run.settle()
    expect(run.judge()).toMatchObject({ outcome: 'review', reasonCode: 'WORSE_WITHIN_MARGIN' })
    noteApprovals(run.gate, [{ wave: 'all', stageEntry: 1 }])
    run.enterStage(10_000)
    return run
  }

  it('the same harm asks no second time, and the metric is guarded at half its α', () => {
    const run = approvedRun(1)
    refusals(run, 2, 3_000, 0.08)
    run.settle()
    expect(run.judge().reasonCode).not.toBe('WORSE_WITHIN_MARGIN')
    expect(run.rollback()).toBeNull()
    const shown = run.judge().metrics.find((metric) => metric.test === id)
    const alpha = plan.harm.find((test) => test.id === id)?.alpha ?? 0
    expect(shown?.eThreshold).toBeCloseTo(2 / alpha, 6)
    expect(shown?.n).toBeLessThanOrEqual(3_000)
  })

  it('harm beyond the margin still rolls back, and says so with the numbers since the approval', () => {
    const run = approvedRun(3)
    expect(refusals(run, 4, 4_000, 0.12, () => run.rollback() !== null)).toBeLessThan(4_000)
    expect(run.rollback()?.test).toBe(id)
    expect(run.judge().reason).toMatch(/refusal on content_ab harms/)
  })

  it('without the approval the same run asks again in the next stage', () => {
    const run = new VirtualRun(plan, 0)
    refusals(run, 1, 6_000, 0.08)
    run.enterStage(10_000)
    refusals(run, 2, 300, 0.08)
    run.settle()
    expect(run.judge().reasonCode).toBe('WORSE_WITHIN_MARGIN')
  })
})

describe('a split that is not what it should be', () => {
  const live = (run: VirtualRun, seed: number, drawn: number) => {
    const uniform = uniforms(seed)
    for (let i = 0; i < 4_000; i += 1) {
      run.live(uniform() < drawn ? 'candidate' : 'baseline', `user-${seed}-${i}`, {})
      run.wait(250)
    }
    run.settle()
    return run.judge()
  }

  it('permits nothing, with the numbers, and a sound one is not suspected', () => {
    const broken = live(new VirtualRun(planOf(), 10_000), 5, 0.13)
    expect(broken).toMatchObject({ outcome: 'hold', reasonCode: 'SAMPLE_RATIO' })
    expect(broken.reason).toMatch(/^5\d\d of 4000 units fell to the candidate, 400 were due/)
    expect(live(new VirtualRun(planOf(), 10_000), 6, 0.1).reasonCode).not.toBe('SAMPLE_RATIO')
  })

  it('is judged by units, not by their requests', () => {
    const run = new VirtualRun(planOf(), 10_000)
    for (let i = 0; i < 3_000; i += 1) {
      run.live('candidate', 'one-busy-user', {})
      run.wait(250)
    }
    run.settle()
    expect(run.judge().reasonCode).not.toBe('SAMPLE_RATIO')
  })
})
