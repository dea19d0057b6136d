import { describe, expect, it } from 'vitest'
import { uniforms } from './draws.ts'
import type { LegChange } from './traffic.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** Units of the candidate, of those that `exchange` feeds, that the gate had to see until it latched. */
function unitsFrom(run: VirtualRun, most: number, exchange: (index: number) => void): number {
  const before = run.candidateUnits
  for (let index = 0; index < most && run.rollback() === null; index += 1) exchange(index)
  run.settle()
  return run.unitsSeen() - before
}

describe('harm is found', () => {
  const plan = planOf()

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
