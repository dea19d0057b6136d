import { describe, expect, it } from 'vitest'
import { binomialSfGe } from '../../services/domain/stats/special-functions/binomial.ts'
import { countRuns, expectAtMost } from './rates.ts'
import { type LegChange, planOf, uniforms, VirtualRun } from './virtual-run.ts'

/** The false-rollback budget of a whole run. */
const budget = 0.05
const looks = 100

type Draw = () => number

/** A leg of a model whose answers are refused, fail, or are slow now and then; `failing` says how it fails. */
function legOf(uniform: Draw, failing: LegChange, slowMs: number): LegChange {
  if (uniform() < 0.01) return failing
  return {
    refused: uniform() < 0.04,
    durationMs: uniform() < 0.008 ? 45_000 : slowMs,
    ttftMs: uniform() < 0.005 ? 6_000 : 300,
  }
}

const failed: LegChange = { resolution: 'failed', durationMs: 300 }
const timedOut: LegChange = { resolution: 'timed_out', durationMs: 60_000 }

/** Live traffic at 10 % and shadow pairs of the same rates in both arms; true when anything latched at any of the looks. */
function harmlessRun(seed: number, exchanges: number, baselineFails: LegChange, candidateFails: LegChange): boolean {
  const uniform = uniforms(seed)
  const run = new VirtualRun(planOf(), 10_000)
  for (let i = 0; i < exchanges; i += 1) {
    // The candidate's answers come late, but as often within the budget as the baseline's.
    const candidate = () => legOf(uniform, candidateFails, 20_000)
    const baseline = () => legOf(uniform, baselineFails, 400)
    if (uniform() < run.share) run.live('candidate', `user-${i}`, candidate())
    else run.live('baseline', `user-${i}`, baseline())
    run.pair('content_ab', `session-${i}`, baseline(), candidate())
    if (i % 10 === 0) run.pair('shadow_ab', `session-${i}`, baseline(), candidate())
    run.wait(2_000)
    if (i % Math.ceil(exchanges / looks) === 0 && run.judge().outcome === 'rollback') return true
  }
  run.settle()
  return run.judge().outcome === 'rollback'
}

describe('a harmless candidate, all guardrails on, a hundred looks', () => {
  it('is rolled back in at most 5 % of runs, though its answers come late and rates are tied', () => {
    const runs = 100
    expectAtMost(
      budget,
      countRuns(runs, (seed) => harmlessRun(seed, 1_200, failed, failed)),
      runs,
      'harmless, a hundred looks, rolled back',
    )
  })

  it('that fails at once where the baseline times out, but not more often, is rolled back no more than that', () => {
    const runs = 60
    expectAtMost(
      budget,
      countRuns(runs, (seed) => harmlessRun(1_000 + seed, 1_200, timedOut, failed)),
      runs,
      'fails sooner, not more, rolled back',
    )
  })

  it('with twenty pairs of a mind in each session: one pair of a session counts', () => {
    const runs = 60
    const plan = planOf()
    const fired = countRuns(runs, (seed) => {
      const uniform = uniforms(2_000 + seed)
      const run = new VirtualRun(plan, 0)
      for (let session = 0; session < 150; session += 1) {
        // Which of the two is refused more in a session has a spread of its own (logit sd 1.2); over sessions neither is.
        const lean = 1 / (1 + Math.exp(-1.2 * normal(uniform)))
        for (let pair = 0; pair < 20; pair += 1) {
          const worse = uniform() < lean
          const discordant = uniform() < 0.06
          run.pair(
            'content_ab',
            `session-${session}`,
            { refused: discordant && !worse },
            { refused: discordant && worse },
          )
          run.wait(500)
        }
      }
      run.settle()
      return run.rollback() !== null
    })
    expectAtMost(budget, fired, runs, 'clustered sessions, rolled back')
  })

  it('with a tenant at 100 % who brings 15 % of all events, and a base rate that grows fivefold as the share grows tenfold', () => {
    const runs = 60
    const plan = planOf()
    const fired = countRuns(runs, (seed) => {
      const uniform = uniforms(3_000 + seed)
      const run = new VirtualRun(plan, 1_000)
      for (let i = 0; i < 6_000; i += 1) {
        if (i === 3_000) run.enterStage(10_000)
        const rate = i < 3_000 ? 0.01 : 0.05
        const error: LegChange = uniform() < rate ? failed : {}
        if (uniform() < 0.15) run.live('candidate', `whole-${i}`, error, { rule: 'tenant', candidate_weight: 100_000 })
        else run.live(uniform() < run.share ? 'candidate' : 'baseline', `user-${i}`, error)
        run.wait(1_000)
      }
      run.settle()
      return run.rollback() !== null
    })
    expectAtMost(budget, fired, runs, 'tenant at 100 %, changing share, rolled back')
  })
})

it('negative control: a test at 5 % repeated at each of a hundred looks stops most harmless candidates that these runs can show', () => {
  const runs = 200
  const fired = countRuns(runs, (seed) => {
    const uniform = uniforms(4_000 + seed)
    let [only, base] = [0, 0]
    for (let i = 1; i <= 20_000; i += 1) {
      if (uniform() < 0.06) {
        if (uniform() < 0.5) only += 1
        else base += 1
      }
      if (i % 200 === 0 && oneSidedMidP(only, base) <= 0.05) return true
    }
    return false
  })
  console.info(`naive peeking, stopped: ${fired} of ${runs} runs`)
  expect(fired / runs).toBeGreaterThan(0.25)
})

/** P(X > x) + ½P(X = x) for X ~ Bin(x + y, ½). */
function oneSidedMidP(x: number, y: number): number {
  return (binomialSfGe(x, x + y, 0.5) + binomialSfGe(x + 1, x + y, 0.5)) / 2
}

function normal(uniform: Draw): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}
