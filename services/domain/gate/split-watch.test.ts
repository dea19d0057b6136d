import { describe, expect, it } from 'vitest'
import { sequentialSampleRatio } from '../stats/unpaired/sample-ratio.ts'
import { brokenSplit, createSplitWatch, noteExposure } from './split-watch.ts'

/** Every `every`-th unit falls to the candidate. */
function watchOf(units: number, every: number, weight: number) {
  const watch = createSplitWatch()
  for (let i = 0; i < units; i += 1) noteExposure(watch, 'all', weight, i % every === 0 ? 'candidate' : 'baseline')
  return watch
}

describe('the split of a stage entry', () => {
  it('has the Bayes factor of the whole counts, one unit at a time', () => {
    const watch = watchOf(3_000, 4, 20_000)
    const whole = sequentialSampleRatio({ batches: [[2_250, 750]], weights: [0.8, 0.2], concentration: 1_000 })
    expect(watch.logBayesFactor).toBeCloseTo(whole.logBayesFactor, 8)
  })

  it('is broken at 25 % of 3,000 units where 20 % were due, and stays so', () => {
    const watch = watchOf(3_000, 4, 20_000)
    expect(brokenSplit(watch)).toMatchObject({ units: { baseline: 2_250, candidate: 750 }, expectedCandidate: 600 })
    for (let i = 0; i < 1_000; i += 1) noteExposure(watch, 'all', 20_000, 'baseline')
    expect(brokenSplit(watch)).not.toBeNull()
  })

  it('is sound when units fall as they should, and rules of share 0 and 1 draw nothing', () => {
    const watch = watchOf(20_000, 5, 20_000)
    expect(brokenSplit(watch)).toBeNull()
    const before = watch.logBayesFactor
    for (let i = 0; i < 1_000; i += 1) noteExposure(watch, 'tenant', 100_000, 'candidate')
    expect(watch.logBayesFactor).toBe(before)
    // A request that was under way while a rule went to 0 is no proof of a broken split.
    noteExposure(watch, 'tenant', 0, 'candidate')
    noteExposure(watch, 'tenant', 100_000, 'baseline')
    expect(watch.logBayesFactor).toBe(before)
  })
})
