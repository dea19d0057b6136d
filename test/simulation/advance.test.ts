import { describe, expect, it } from 'vitest'
import { countRuns, expectAtMost } from './rates.ts'
import { planOf, uniforms, VirtualRun } from './virtual-run.ts'

const signal = { role: 'signal' } as const
/** Refusals alone decide, within 5 points. */
const plan = planOf({
  metrics: {
    refusal: { margin: { absolute: 0.05 }, assumedRate: 0.1 },
    error: signal,
    fast_error: signal,
    fast_refusal: signal,
    latency_over_budget: signal,
    ttft_over_budget: signal,
    abandoned: signal,
  },
})

/** Feeds exchanges until the test has passed or spent its looks; true when it passed. */
function passes(run: VirtualRun, test: string, exchange: (index: number) => void): boolean {
  const id = `all/1/advance/${test}`
  for (let index = 0; index < 6_000; index += 1) {
    exchange(index)
    run.wait(250)
    const state = run.gate.advance.get(id)
    if (state?.passed === true) return true
    if (state?.statistics.length === plan.looks.length) return false
  }
  return false
}

function pairedPasses(seed: number, only: number, base: number): boolean {
  const uniform = uniforms(seed)
  const run = new VirtualRun(plan, 0)
  return passes(run, 'shadow/refusal/content_ab', (index) => {
    const drawn = uniform()
    run.pair(
      'content_ab',
      `session-${index}`,
      { refused: drawn >= only && drawn < only + base },
      { refused: drawn < only },
    )
  })
}

function unpairedPasses(seed: number, candidate: number, baseline: number): boolean {
  const uniform = uniforms(seed)
  const run = new VirtualRun(plan, 50_000)
  return passes(run, 'canary/refusal/live_ab', (index) => {
    const arm = uniform() < run.share ? 'candidate' : 'baseline'
    run.live(arm, `user-${index}`, { refused: uniform() < (arm === 'candidate' ? candidate : baseline) })
  })
}

describe('permission to advance, at the four looks', () => {
  it('paired: a candidate that is worse by the margin passes in at most 5 %, a harmless one passes', () => {
    expectAtMost(
      0.05,
      countRuns(400, (seed) => pairedPasses(seed, 0.075, 0.025)),
      400,
      'paired, worse by the margin, passed',
    )
    const harmless = countRuns(60, (seed) => pairedPasses(10_000 + seed, 0.05, 0.05))
    console.info(`paired, harmless, passed: ${harmless} of 60 runs`)
    expect(harmless).toBeGreaterThanOrEqual(57)
  })

  it('unpaired: the same', () => {
    expectAtMost(
      0.05,
      countRuns(200, (seed) => unpairedPasses(20_000 + seed, 0.1, 0.05)),
      200,
      'unpaired, worse by the margin, passed',
    )
    const harmless = countRuns(30, (seed) => unpairedPasses(30_000 + seed, 0.07, 0.07))
    console.info(`unpaired, harmless, passed: ${harmless} of 30 runs`)
    expect(harmless).toBeGreaterThanOrEqual(28)
  })
})
