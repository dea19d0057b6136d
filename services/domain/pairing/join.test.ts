import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Evidence, Request, Response, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { evidenceId } from './evidence-of.ts'
import { lastUserMessageHash } from './exchange-facts.ts'
import {
  advance,
  applyPlan,
  applyRequest,
  applyResponse,
  createJoin,
  type Join,
  lowestOpenOffset,
  type RunFacts,
} from './join.ts'

const place = {
  run: 'run',
  wave: 'all',
  stage_entry: 1,
  stage: 'canary',
  epoch: 2,
  rule: 'all',
  candidate_weight: 10_000,
}

const plan = {
  version: 1,
  hash: 'h',
  metrics: [
    {
      name: 'error',
      kind: 'binary',
      role: 'guardrail',
      lowerIsBetter: true,
      mustHaveData: true,
      horizonMs: 3_000,
      budgetMs: null,
      comparisons: ['live_ab', 'shadow_ab'],
    },
    {
      name: 'fast_error',
      kind: 'binary',
      role: 'guardrail',
      lowerIsBetter: true,
      mustHaveData: false,
      horizonMs: 2_000,
      budgetMs: null,
      comparisons: ['live_ab', 'shadow_ab'],
    },
    {
      name: 'refusal',
      kind: 'binary',
      role: 'guardrail',
      lowerIsBetter: true,
      mustHaveData: true,
      horizonMs: 3_000,
      budgetMs: null,
      comparisons: ['content_ab', 'live_ab'],
    },
    {
      name: 'differs_exact',
      kind: 'binary',
      role: 'signal',
      lowerIsBetter: true,
      mustHaveData: false,
      horizonMs: 3_000,
      budgetMs: null,
      comparisons: ['content_ab', 'aa'],
    },
  ],
  legTimeoutMs: 3_000,
  graceMs: 1_000,
  shadowStartDelayMs: 500,
} as unknown as AnalysisPlan

const run: RunFacts = { plan, golden: () => null, price: () => null }

function request(id: string, change: Partial<Request> = {}): Request {
  return {
    exchange_id: id,
    route: 'r',
    operation: 'chat.completions',
    tenant: 't',
    session: `s-${id}`,
    assignment_unit: `u-${id}`,
    turn: 0,
    segments: {},
    arrived_at: 0,
    live_arm: 'baseline',
    assignment: 'split',
    place,
    shadow_plan: null,
    body: new TextEncoder().encode('{"messages":[{"role":"user","content":"hello"}]}'),
    headers: {},
    capture: 'full',
    prompt_id: null,
    prompt_version: null,
    golden_ref: null,
    traceparent: null,
    client_request_id: null,
    tap_drops: 0,
    ...change,
  }
}

function shadowPlan(id: string): ShadowPlan {
  return {
    exchange_id: id,
    place,
    deadline_at: 0,
    legs: [
      { arm: 'candidate', content_ab_p: 1, shadow_ab_p: 0.5, aa_p: 0 },
      { arm: 'baseline', content_ab_p: 0, shadow_ab_p: 0.5, aa_p: 0.5 },
    ],
  }
}

function response(
  id: string,
  arm: 'baseline' | 'candidate',
  leg: 'live' | 'shadow',
  change: Partial<Response> = {},
): Response {
  return {
    exchange_id: id,
    arm,
    leg,
    attempt_id: `${id}-${arm}-${leg}`,
    resolution: 'answered',
    error_class: null,
    status: 200,
    started_at: 500,
    first_token_at: 600,
    ended_at: 900,
    provider: 'p',
    model_requested: 'm',
    model_served: 'm',
    prompt_version: null,
    parameters_hash: '',
    output: `answer of ${arm}`,
    tool_calls: [],
    finish_reason: 'stop',
    refusal: null,
    input_tokens: 1,
    output_tokens: 2,
    cached_tokens: null,
    usage_source: 'reported',
    cost_micro_usd: null,
    truncated: false,
    quota_remaining: null,
    ...change,
  }
}

type Step = (join: Join, offset: number) => void
const at = 10_000

/** All records of one exchange, each appended at the same broker millisecond so that their order is free. */
function steps(id: string): Step[] {
  return [
    (join, offset) => applyRequest(join, request(id), run, at, offset),
    (join, offset) => applyPlan(join, shadowPlan(id), at, offset),
    (join, offset) => applyResponse(join, response(id, 'baseline', 'live'), at, offset),
    (join, offset) =>
      applyResponse(join, response(id, 'candidate', 'shadow', { resolution: 'failed', output: '' }), at, offset),
    (join, offset) => applyResponse(join, response(id, 'baseline', 'shadow'), at, offset),
  ]
}

function play(join: Join, order: readonly Step[]): void {
  for (const [offset, step] of order.entries()) step(join, offset)
}

const fresh = () => createJoin({ limit: 1_000, resumeThroughMs: 0 })
const byId = (evidence: readonly Evidence[]) => [...evidence].sort((a, b) => (a.id < b.id ? -1 : 1))
const through = at + 60_000

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

  it('a restart from the low watermark makes nothing twice and loses nothing', () => {
    const whole = fresh()
    play(whole, steps('x'))
    const expected = byId(advance(whole, through))
    const before = fresh()
    play(before, steps('x'))
    const first = advance(before, at + 3_200)
    const after = createJoin({ limit: 1_000, resumeThroughMs: at + 3_200 })
    play(after, steps('x').slice(lowestOpenOffset(before) ?? 0))
    expect(byId([...first, ...advance(after, through)])).toEqual(expected)
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
    applyRequest(join, request('y', { place: null }), null, at, 1)
    applyResponse(join, response('y', 'baseline', 'live'), at, 2)
    expect(advance(join, through).filter((entry) => entry.comparison === 'live_ab')).toEqual([])
    expect(join.open.size).toBe(0)
    expect(join.ignored.size).toBe(0)
  })

  it('gives up the oldest at its limit and says so', () => {
    const join = createJoin({ limit: 2, resumeThroughMs: 0 })
    for (const [offset, id] of ['a', 'b', 'c'].entries()) applyRequest(join, request(id), run, at, offset)
    expect([...join.open.keys()]).toEqual(['b', 'c'])
    expect(join.counts.evicted).toBe(1)
  })

  it('names evidence by what makes it unique, and prompts by their last user message', () => {
    expect(evidenceId('x', 'run', 'aa', null, 2_000)).toMatch(/^[0-9a-f]{32}$/)
    expect(evidenceId('x', 'run', 'aa', null, 2_000)).not.toBe(evidenceId('x', 'run', 'aa', null, 3_000))
    const body = new TextEncoder().encode(
      '{"messages":[{"role":"user","content":[{"type":"text","text":"he"},{"type":"text","text":"llo"}]}]}',
    )
    expect(lastUserMessageHash(body)).toBe(lastUserMessageHash(request('x').body))
    expect(lastUserMessageHash(new Uint8Array([1, 2, 3]))).toBeNull()
  })
})
