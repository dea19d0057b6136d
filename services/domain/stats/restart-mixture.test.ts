import { describe, expect, it } from 'vitest'
import { logTruncatedBetaBinomialE } from './beta-binomial-e.ts'
import { addToMixture, beginRestart, createRestartMixture, evaluateMixture, runningMax } from './restart-mixture.ts'

interface Counts {
  x: number
  y: number
}

const empty = (): Counts => ({ x: 0, y: 0 })
const logE = ({ x, y }: Counts) => logTruncatedBetaBinomialE({ events: x, others: y, nullShare: 0.5, a: 0.5, b: 0.5 })
const feed = (mixture: ReturnType<typeof createRestartMixture<Counts>>, which: 'x' | 'y', times = 1) => {
  for (let i = 0; i < times; i += 1)
    addToMixture(mixture, (segment) => {
      segment[which] += 1
    })
}

describe('a restart mixture', () => {
  it('finds one bad hour after a clean year within twenty units, and says which stretch it was', () => {
    const mixture = createRestartMixture(empty())
    beginRestart(mixture, empty(), logE)
    for (let i = 0; i < 1_000; i += 1) {
      feed(mixture, 'x')
      feed(mixture, 'y')
    }
    expect(evaluateMixture(mixture, logE).logE).toBeLessThan(Math.log(100))
    beginRestart(mixture, empty(), logE)
    feed(mixture, 'x', 20)
    const { logE: after, dominant, weight } = evaluateMixture(mixture, logE)
    expect(after).toBeGreaterThan(Math.log(100))
    expect(dominant).toEqual({ x: 20, y: 0 })
    expect(weight).toBeCloseTo(0.5 / 6, 12)
  })

  it('still begins restarts after a thousand hours, in bounded memory', () => {
    const mixture = createRestartMixture(empty())
    for (let hour = 0; hour < 1_000; hour += 1) {
      beginRestart(mixture, empty(), logE)
      feed(mixture, 'x')
      feed(mixture, 'y')
    }
    expect(mixture.running).toHaveLength(runningMax)
    beginRestart(mixture, empty(), logE)
    feed(mixture, 'x', 40)
    expect(evaluateMixture(mixture, logE).logE).toBeGreaterThan(Math.log(100))
  })

  it('keeps the whole stake at one before anything is seen, and after restarts that saw nothing', () => {
    const mixture = createRestartMixture(empty())
    for (let hour = 0; hour < 3 * runningMax; hour += 1) beginRestart(mixture, empty(), logE)
    expect(evaluateMixture(mixture, logE).logE).toBeCloseTo(0, 9)
  })
})
