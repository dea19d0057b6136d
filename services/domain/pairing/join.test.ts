import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Request, Response } from '../events/records.ts'
import { sha256Hex } from '../scoring/normalise.ts'
import { evidenceId } from './evidence-of.ts'
import { lastUserMessageHash } from './exchange-facts.ts'
import { planProblem, requestProblem, responseProblem } from './impossible-values.ts'
import { advance, createJoin, lowestOpenOffset } from './join.ts'
import { place, request, response, run, shadowPlan } from './sample-exchange.ts'
import {
  applyPlan,
  applyRequest,
  applyResponse,
  at,
  byId,
  fresh,
  play,
  type Step,
  steps,
  through,
} from './sample-log.ts'

describe('the join of one exchange partition', () => {
  it('reads every leg at every horizon once', () => {
    const join = fresh()
    play(join, steps('x'))
    const evidence = advance(join, through)
    const found = evidence.map((entry) => `${entry.comparison}@${entry.horizon_ms}`).sort()
    expect(found).toEqual([
      'aa@3000',
      'content_ab@3000',
      'live_ab@2000',
      'live_ab@3000',
      'shadow_ab@2000',
      'shadow_ab@3000',
    ])
    const shadowPair = evidence.find((entry) => entry.comparison === 'shadow_ab' && entry.horizon_ms === 2_000)
    expect(shadowPair?.metrics).toEqual([{ name: 'fast_error', baseline: 0, candidate: 1 }])
    const content = evidence.find((entry) => entry.comparison === 'content_ab')
    expect(content?.candidate_resolution).toBe('failed')
    expect(content?.metrics).toEqual([])
    expect(evidence.find((entry) => entry.comparison === 'aa')?.metrics).toContainEqual({
      name: 'differs_exact',
      baseline: 0,
      candidate: 0,
    })
    expect(join.open.size).toBe(0)
    expect(join.counts).toMatchObject({ planned: 2, paired: 2, lost: 0 })
  })

  it('sketches answers only where the plan asks how far they are apart', () => {
    const metric = run.plan.metrics.find(({ name }) => name === 'differs_exact')
    if (metric === undefined) throw new Error('the sample plan lacks a metric of content')
    const asking = {
      ...run,
      plan: { ...run.plan, metrics: [...run.plan.metrics, { ...metric, name: 'dissimilarity' }] },
    }
    const distances = [run, asking].map((facts) => {
      const join = fresh()
      applyRequest(join, request('x'), facts, at, 0)
      applyPlan(join, shadowPlan('x'), at, 1)
      applyResponse(join, response('x', 'baseline', 'live', { output: 'one two three' }), at, 2)
      applyResponse(join, response('x', 'candidate', 'shadow', { output: 'four five six' }), at, 3)
      const sketched = [...(join.open.get('x')?.legs.values() ?? [])].filter(({ sketch }) => sketch !== null).length
      const content = advance(join, through).find(({ comparison }) => comparison === 'content_ab')
      return [sketched, content?.metrics.find(({ name }) => name === 'dissimilarity')?.candidate ?? null]
    })
    expect(distances).toEqual([
      [0, null],
      [2, 1],
    ])
  })

  it('emits nothing before the horizon and grace have passed', () => {
    const join = fresh()
    play(join, steps('x'))
    expect(advance(join, at + 2_999)).toEqual([])
    expect(advance(join, at + 3_000).map((entry) => `${entry.comparison}@${entry.horizon_ms}`)).toEqual([
      'live_ab@2000',
    ])
    expect(lowestOpenOffset(join)).toBe(0)
  })

  it('gives the same evidence for any order and duplication', () => {
    const reference = fresh()
    const all = [...steps('x'), ...steps('y')]
    play(reference, all)
    const expected = byId(advance(reference, through))
    fc.assert(
      fc.property(
        fc.shuffledSubarray(all, { minLength: all.length }),
        fc.array(fc.nat(all.length - 1), { maxLength: 8 }),
        (order, again) => {
          const join = fresh()
          for (const [offset, step] of [...order, ...again.map((index) => all[index] as Step)].entries())
            step(join, offset)
          expect(byId(advance(join, through))).toEqual(expected)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('an answer waits for its request by its own age, whatever else of its exchange has waited longer', () => {
    const join = fresh()
    applyResponse(join, response('x', 'baseline', 'live'), at, 0)
    advance(join, at + 3_000)
    applyResponse(join, response('x', 'candidate', 'shadow'), at + 3_000, 1)
    advance(join, at + 6_000)
    expect(lowestOpenOffset(join)).toBe(1)
    applyRequest(join, request('x'), run, at + 6_000, 2)
    applyPlan(join, shadowPlan('x'), at + 6_000, 3)
    const content = advance(join, at + 60_000).find((entry) => entry.comparison === 'content_ab')
    expect(content).toMatchObject({ baseline_resolution: null, candidate_resolution: 'answered' })
    expect(join.counts.late).toBe(1)
  })

  it('a leg that is never heard of is lost: no outcome at the full horizon, counted against completeness', () => {
    const join = fresh()
    applyRequest(join, request('x'), run, at, 0)
    applyPlan(join, shadowPlan('x'), at, 1)
    applyResponse(join, response('x', 'baseline', 'live'), at, 2)
    const content = advance(join, through).find((entry) => entry.comparison === 'content_ab')
    expect(content).toMatchObject({ candidate_resolution: null, metrics: [] })
    expect(join.counts).toMatchObject({ planned: 2, lost: 2 })
  })

  it('latched, killed or unsplit requests and those of no run give no singles', () => {
    const join = fresh()
    applyRequest(join, request('x', { assignment: 'latched' }), run, at, 0)
    applyRequest(join, request('y', { place: null }), run, at, 1)
    applyResponse(join, response('y', 'baseline', 'live'), at, 2)
    expect(advance(join, through).filter((entry) => entry.comparison === 'live_ab')).toEqual([])
    expect(join.open.size).toBe(0)
    expect(join.ignored.size).toBe(0)
  })

  it('gives up the oldest at its limit and says so', () => {
    const join = createJoin({ limit: 2, resumeThroughMs: 0 })
    for (const [offset, id] of ['a', 'b', 'c'].entries()) applyRequest(join, request(id), run, at, offset)
    expect(['a', 'b', 'c'].map((id) => join.open.get(id) !== undefined)).toEqual([false, true, true])
    expect(join.counts).toMatchObject({ evicted: 1, lost: 1 })
  })

  it('gives evidence of what it gives up that says nothing but that no leg was heard of', () => {
    const join = createJoin({ limit: 1, resumeThroughMs: 0 })
    play(join, steps('a').slice(0, 4))
    applyRequest(join, request('b'), run, at, 10)
    const given = advance(join, at)
    expect(given.map((entry) => `${entry.exchange_id} ${entry.comparison}@${entry.horizon_ms}`)).toEqual([
      'a live_ab@3000',
      'a content_ab@3000',
      'a shadow_ab@3000',
      'a aa@3000',
    ])
    for (const entry of given)
      expect(entry).toMatchObject({ metrics: [], baseline_resolution: null, candidate_resolution: null })
    expect(advance(join, at)).toEqual([])
  })

  it('does not let answers to what it gave up push out exchanges that are whole', () => {
    const join = createJoin({ limit: 2, resumeThroughMs: 0 })
    for (const [offset, id] of ['a', 'b', 'c'].entries()) applyRequest(join, request(id), run, at, offset)
    applyResponse(join, response('a', 'baseline', 'live'), at, 3)
    expect(['a', 'b', 'c'].map((id) => join.open.get(id) !== undefined)).toEqual([false, true, true])
    expect(join.counts).toMatchObject({ evicted: 1, late: 1 })
  })

  it('waits for no more readings than exchanges that are open, however many it gives up', () => {
    const join = createJoin({ limit: 10, resumeThroughMs: 0 })
    for (let index = 0; index < 5_000; index += 1) applyRequest(join, request(`x${index}`), run, at, index)
    expect(join.open.size).toBe(10)
    expect(join.due.size).toBeLessThan(1_200)
    expect(new Set(advance(join, through).map(({ exchange_id: id }) => id)).size).toBe(5_000)
  })

  it('does not open a closed exchange again, whatever a producer repeats', () => {
    const join = fresh()
    play(join, steps('x'))
    const first = advance(join, through)
    for (const [index, step] of steps('x').entries()) step(join, 100 + index)
    expect(join.open.size).toBe(0)
    expect(advance(join, through + 60_000)).toEqual([])
    expect(first).toHaveLength(6)
    expect(join.counts).toMatchObject({ duplicates: 1, late: 4 })
  })

  it('counts an exchange that nobody planned as our loss', () => {
    const join = fresh()
    applyRequest(join, request('x', { place: { ...place, candidate_weight: 0 } }), run, at, 0)
    expect(advance(join, through)).toEqual([])
    expect(join.counts).toMatchObject({ unplanned: 1, planned: 0 })
  })

  it('says late of what fell due before its request was seen, and never elsewhere', () => {
    const join = fresh()
    advance(join, at + 3_500)
    applyRequest(join, request('x'), run, at, 0)
    applyResponse(join, response('x', 'baseline', 'live'), at, 1)
    const evidence = advance(join, through).map((entry) => `${entry.comparison}@${entry.horizon_ms} ${entry.late}`)
    expect(evidence.sort()).toEqual(['live_ab@2000 true', 'live_ab@3000 false'])
    expect(join.counts.late).toBe(1)
  })

  it('forgets what waits for a request that never comes, also behind exchanges that are open', () => {
    const join = fresh()
    applyRequest(join, request('x'), run, at, 0)
    applyResponse(join, response('lost', 'baseline', 'live'), at, 1)
    advance(join, at + 5_000)
    expect(join.open.get('lost')).toBeUndefined()
    expect(join.counts.late).toBe(1)
  })

  it('holds no more text than its bound, however many answers come without a request', () => {
    const join = createJoin({ limit: 100_000, resumeThroughMs: 0 })
    const output = 'x'.repeat(1_000_000)
    for (let index = 0; index < 50; index += 1)
      applyResponse(join, response(`o${index}`, 'baseline', 'live', { output }), at, index)
    expect(join.open.size).toBe(8)
    expect(join.open.earlyShare).toBe(1)
    expect(join.counts.late).toBe(42)
    applyRequest(join, request('o49'), run, at, 60)
    expect(join.open.earlyShare).toBe(7 / 8)
    expect(advance(join, through).find((entry) => entry.comparison === 'live_ab')?.baseline_resolution).toBe('answered')
  })

  it('leaves legs that were never asked for out of every metric', () => {
    const join = fresh()
    applyRequest(join, request('x'), run, at, 0)
    applyPlan(join, shadowPlan('x'), at, 1)
    applyResponse(join, response('x', 'baseline', 'live'), at, 2)
    applyResponse(join, response('x', 'baseline', 'shadow'), at, 3)
    applyResponse(join, response('x', 'candidate', 'shadow', { resolution: 'skipped_budget' }), at, 4)
    const pairs = advance(join, through).filter((entry) => entry.comparison === 'shadow_ab')
    expect(pairs.map((entry) => [entry.horizon_ms, entry.candidate_resolution, entry.metrics])).toEqual([
      [3_000, 'skipped_budget', []],
    ])
    expect(join.counts).toMatchObject({ planned: 2, paired: 1, skipped: 1 })
  })

  it('refuses values that no record can hold', () => {
    expect(requestProblem(request('x'))).toBeNull()
    expect(requestProblem(request('x', { shadow_plan: shadowPlan('x') }))).toBeNull()
    const requests: Partial<Request>[] = [
      { turn: -1 },
      { place: { ...place, candidate_weight: 100_001 } },
      { place: { ...place, candidate_weight: -1 } },
      { place: { ...place, stage_entry: -1 } },
      { place: { ...place, epoch: -1 } },
      { place: { ...place, wave: 'w'.repeat(20_000) } },
      { segments: { tier: 'x'.repeat(20_000) } },
      { segments: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`s${index}`, ''])) },
      { tenant: 't'.repeat(1_000_000) },
      { shadow_plan: shadowPlan('y') },
    ]
    for (const change of requests) expect(requestProblem(request('x', change))).not.toBeNull()
    for (const share of [Number.NaN, -0.1, 1.1, Number.POSITIVE_INFINITY]) {
      const leg = { arm: 'candidate', content_ab_p: share, shadow_ab_p: 0, aa_p: 0 } as const
      expect(planProblem({ ...shadowPlan('x'), legs: [leg] })).toMatch(/probability/)
      expect(planProblem({ ...shadowPlan('x'), legs: [leg, leg] })).toMatch(/one arm/)
    }
    expect(responseProblem(response('x', 'baseline', 'live'))).toBeNull()
    const responses: Partial<Response>[] = [
      { ended_at: 499 },
      { ended_at: 500 + 25 * 3_600_000 },
      { first_token_at: 499 },
      { first_token_at: 901 },
      { output_tokens: -1 },
      { cost_micro_usd: -1 },
    ]
    for (const change of responses) expect(responseProblem(response('x', 'baseline', 'live', change))).not.toBeNull()
    // A clock that is days off moves nothing: only durations count.
    const off = 30 * 86_400_000
    const shifted = { started_at: 500 + off, first_token_at: 600 + off, ended_at: 900 + off }
    expect(responseProblem(response('x', 'baseline', 'live', shifted))).toBeNull()
  })

  it('names evidence by what makes it unique, and prompts by their last user message', () => {
    expect(evidenceId('x', 'run', 'aa', null, 2_000, sha256Hex)).toMatch(/^[0-9a-f]{32}$/)
    expect(evidenceId('x', 'run', 'aa', null, 2_000, sha256Hex)).not.toBe(
      evidenceId('x', 'run', 'aa', null, 3_000, sha256Hex),
    )
    const body = new TextEncoder().encode(
      '{"messages":[{"role":"user","content":[{"type":"text","text":"he"},{"type":"text","text":"llo"}]}]}',
    )
    expect(lastUserMessageHash(body, sha256Hex)).toBe(lastUserMessageHash(request('x').body, sha256Hex))
    expect(lastUserMessageHash(new Uint8Array([1, 2, 3]), sha256Hex)).toBeNull()
  })
})
