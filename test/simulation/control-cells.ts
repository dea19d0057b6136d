import { binomialSfGe } from '../../services/domain/stats/special-functions/binomial.ts'
import type { Cell, Draw } from './cell.ts'
import { leaningSessions, stickyTenants } from './null-worlds.ts'

const visibly = { kind: 'share-at-least', share: 0.25 } as const

/** P(X > x) + ½P(X = x) for X ~ Bin(x + y, share): a test that is right once. */
function midP(x: number, y: number, share: number): number {
  return (binomialSfGe(x, x + y, share) + binomialSfGe(x + 1, x + y, share)) / 2
}

function peeking(uniform: Draw): number {
  let [only, base] = [0, 0]
  for (let i = 1; i <= 20_000; i += 1) {
    if (uniform() < 0.06) {
      if (uniform() < 0.5) only += 1
      else base += 1
    }
    if (i % 200 === 0 && midP(only, base, 0.5) <= 0.05) return 1
  }
  return 0
}

function perPair(uniform: Draw): number {
  const count = { only: 0, base: 0, pairs: 0 }
  let fired = 0
  leaningSessions(uniform, (_, only) => {
    if (only === true) count.only += 1
    if (only === false) count.base += 1
    count.pairs += 1
    if (count.pairs % 30 === 0 && midP(count.only, count.base, 0.5) <= 0.05) fired = 1
  })
  return fired
}

function perRequest(uniform: Draw): number {
  const count = { candidate: 0, baseline: 0, requests: 0 }
  let fired = 0
  stickyTenants(uniform, 50, 20_000, (_, place, isError) => {
    if (isError) count[place < 0.1 ? 'candidate' : 'baseline'] += 1
    count.requests += 1
    if (count.requests % 200 === 0 && midP(count.candidate, count.baseline, 0.1) <= 0.05) fired = 1
  })
  return fired
}

/** A day of minutes with 300 requests each, .8 % of them over budget: "sample p99 over budget in five minutes in a row". */
function literalP99(uniform: Draw): number {
  let inARow = 0
  for (let minute = 0; minute < 1_440; minute += 1) {
    let over = 0
    for (let i = 0; i < 300; i += 1) if (uniform() < 0.008) over += 1
    inARow = over > 3 ? inARow + 1 : 0
    if (inARow === 5) return 1
  }
  return 0
}

/** Negative controls: rules that the gate does not use, in harmless worlds. They must fire, or the simulation could not see anything. */
export const controlCells: readonly Cell[] = [
  {
    name: 'control/peeking',
    world: 'mid-p at 5 % at each of 100 looks, harmless: stopped',
    aim: visibly,
    shortRuns: 100,
    run: peeking,
  },
  {
    name: 'control/per-pair',
    world: 'the same on every pair of leaning sessions: stopped',
    aim: visibly,
    shortRuns: 100,
    run: perPair,
  },
  {
    name: 'control/per-request',
    world: 'the same on every request of 50 sticky tenants: stopped',
    aim: visibly,
    shortRuns: 40,
    run: perRequest,
  },
  {
    name: 'control/literal-p99',
    world: 'p99 over budget in 5 minutes in a row, true exceedance .8 %, a day: fires',
    aim: { kind: 'share-at-least', share: 0.2 },
    shortRuns: 20,
    run: literalP99,
  },
]
