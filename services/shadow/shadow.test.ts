import { describe, expect, it } from 'vitest'
import type { Request, Response, Split, Variant } from '../domain/events/records.ts'
import { planShadow } from '../domain/sampling/plan-shadow.ts'
import { replayBody } from '../domain/sampling/replay-body.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import type { Budget } from './budget.ts'
import type { CallResult, ModelCaller } from './call-model.ts'
import { allowedCalls, createConcurrency, observeBaseline } from './concurrency.ts'
import { createLegRunner } from './leg-runner.ts'
import type { LegTask, Price } from './leg-task.ts'

const place = { run: 'run', wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 1, rule: 'all', candidate_weight: 0 }
const variant: Variant = {
  id: 'b',
  provider: 'p',
  model: 'model-b',
  prompt_version: null,
  parameters: { temperature: '0.2' },
}
const change = {
  operation: 'chat.completions',
  model: variant.model,
  parameters: variant.parameters,
  prompt: null,
} as const
const shares = {
  share: 0.5,
  second_leg_share: 0.4,
  counterfactual_share: 0,
  segment_shares: {},
  deadline_ms: 4_000,
  leg_timeout_ms: 3_000,
  budgets: {},
  salt: 's',
}
const split = {
  route: 'r',
  epoch: 1,
  run: 'run',
  rules: [{ id: 'all', wave: 'all', match: {}, candidate_weight: 0 }],
  stage_entries: { all: 1 },
  stages: { all: 'shadow' },
  shadow: shares,
} as unknown as Split
const request = (id: string, change: object = {}) =>
  ({
    exchange_id: id,
    place,
    live_arm: 'baseline',
    turn: 0,
    tenant: 'acme',
    segments: {},
    ...change,
  }) as unknown as Request
const body = (value: object) => new TextEncoder().encode(JSON.stringify(value))

describe('planning', () => {
  it('asks the planned shares, the second leg only with the first, and the same again after a restart', () => {
    const plans = Array.from({ length: 4_000 }, (_, index) =>
      planShadow(request(`id-${index}`), split, { blocked: false, arrivalMs: 7 }),
    )
    const count = (arm: string) => plans.filter((plan) => plan?.legs.some((leg) => leg.arm === arm)).length
    expect(count('candidate') / 4_000).toBeCloseTo(0.5, 1)
    expect(count('baseline') / 4_000).toBeCloseTo(0.2, 1)
    expect(plans.every((plan) => plan?.legs.every((leg) => leg.arm !== 'baseline' || plan.legs.length === 2))).toBe(
      true,
    )
    expect(planShadow(request('id-1'), split, { blocked: false, arrivalMs: 7 })).toEqual(plans[1])
    expect(plans[0]?.deadline_at).toBe(4_007)
  })

  it('asks the baseline what it would have said, for a share of what the candidate answered', () => {
    const at = { ...split, shadow: { ...shares, share: 1, counterfactual_share: 0.3 } }
    const plans = Array.from({ length: 2_000 }, (_, index) =>
      planShadow(request(`id-${index}`, { live_arm: 'candidate' }), at, { blocked: false, arrivalMs: 0 }),
    )
    const legs = plans.flatMap((plan) => plan?.legs ?? [])
    expect(legs.length / 2_000).toBeCloseTo(0.3, 1)
    expect(new Set(legs.map((leg) => JSON.stringify(leg)))).toEqual(
      new Set(['{"arm":"baseline","content_ab_p":0.3,"shadow_ab_p":0,"aa_p":0}']),
    )
  })

  it.each([
    ['a brake', request('x'), split, true],
    ['a live candidate', request('x', { live_arm: 'candidate' }), split, false],
    ['a split of another run', request('x'), { ...split, run: 'other' }, false],
    ['a wave that waits', request('x', { place: { ...place, stage_entry: 0 } }), split, false],
  ])('plans no legs under %s', (_, given, at, blocked) => {
    expect(planShadow(given, { ...at, shadow: { ...shares, share: 1 } }, { blocked, arrivalMs: 0 })?.legs).toEqual([])
  })

  it('makes no plan for what belongs to no run', () => {
    expect(planShadow(request('x', { place: null }), split, { blocked: false, arrivalMs: 0 })).toBeNull()
  })
})

describe('replaying', () => {
  it('sets model and parameters and leaves nothing stateful', () => {
    const original = {
      model: 'a',
      temperature: 1,
      n: 3,
      store: true,
      user: 'u',
      metadata: { x: 1 },
      previous_response_id: 'r',
      messages: [],
      tools: [{ type: 'function' }],
    }
    expect(replayBody(body(original), change)).toMatchObject({ reason: 'stored_state' })
    const { previous_response_id: _, ...asked } = original
    expect(replayBody(body(asked), change)).toEqual({
      kind: 'body',
      body: { model: 'model-b', temperature: 0.2, n: 1, messages: [], tools: [{ type: 'function' }] },
    })
  })

  it.each([
    ['responses', { input: 'x' }, { input: 'x', store: false }],
    ['responses', { input: 'x', previous_response_id: 'resp_1' }, 'stored_state'],
    ['responses', { input: 'x', conversation: { id: 'conv_1' } }, 'stored_state'],
    ['responses', { prompt: { id: 'pmpt_1' } }, 'stored_state'],
    ['responses', { input: [{ type: 'item_reference', id: 'msg_1' }] }, 'stored_state'],
    ['responses', { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }, 'stored_state'],
    ['responses', { input: 'x', previous_response_id: null }, { input: 'x', store: false }],
    ['responses', { input: 'x', background: true }, 'background'],
    ['responses', { input: 'x', tools: [{ type: 'file_search' }] }, 'runs_tools'],
    ['messages', { messages: [], metadata: { user_id: 'u' } }, { messages: [] }],
    [
      'messages',
      { tools: [{ name: 'f' }, { type: 'bash_20250124' }] },
      { tools: [{ name: 'f' }, { type: 'bash_20250124' }] },
    ],
    ['messages', { tools: [{ type: 'web_search_20250305', name: 's' }] }, 'runs_tools'],
    ['messages', { mcp_servers: [{ url: 'x' }] }, 'runs_tools'],
    ['messages', { messages: [], container: 'c' }, 'stored_state'],
    ['completions', { prompt: 'x', n: 2, best_of: 3 }, { prompt: 'x', n: 1, best_of: 1 }],
    ['embeddings', { input: ['x'], user: 'u' }, { input: ['x'] }],
  ] as const)('of %s: %o', (operation, asked, expected) => {
    const replay = replayBody(body(asked), { operation, model: 'model-b', parameters: {}, prompt: null })
    const wanted = { kind: 'body', body: { ...(expected as object), model: 'model-b' } }
    expect(replay).toEqual(typeof expected === 'string' ? { kind: 'refused', reason: expected } : wanted)
  })

  it('refuses tools that the provider would run, and what is no JSON object', () => {
    expect(replayBody(body({ tools: [{ type: 'web_search' }] }), change)).toEqual({
      kind: 'refused',
      reason: 'runs_tools',
    })
    expect(replayBody(body([]), change)).toEqual({ kind: 'refused', reason: 'not_an_object' })
    expect(replayBody(new Uint8Array([1]), change)).toEqual({
      kind: 'refused',
      reason: 'not_json',
    })
  })
})

describe('concurrency', () => {
  const policy = { max: 16, slowdownMax: 1.5, toleranceMs: 20, quotaFloor: 0.1 }
  it('halves while the baseline suffers, comes back slowly, and stops when its quota is nearly used up', () => {
    let state = createConcurrency(policy)
    let ms = 0
    const observe = (ttftMs: number, times: number, quotaRemaining: number | null = null) => {
      for (let i = 0; i < times; i += 1) {
        ms += 100
        state = observeBaseline(state, policy, { ttftMs, quotaRemaining }, ms)
      }
    }
    observe(100, 200)
    expect(allowedCalls(state)).toBe(16)
    observe(1_000, 30)
    expect(allowedCalls(state)).toBeLessThan(16)
    observe(100, 400)
    expect(allowedCalls(state)).toBe(16)
    observe(100, 1, 0.05)
    expect(allowedCalls(state)).toBe(0)
  })
})

describe('running legs', () => {
  const answered: CallResult = {
    outcome: 'answered',
    errorClass: null,
    status: 200,
    begun: true,
    maybeCharged: true,
    retryAfterMs: null,
    startedAtMs: 1,
    endedAtMs: 3,
    heard: null,
  }
  const failed: CallResult = {
    ...answered,
    outcome: 'failed',
    errorClass: 'rate_limited',
    status: 429,
    begun: false,
    maybeCharged: false,
  }

  function setUp(options: {
    readonly results?: CallResult[]
    readonly reserve?: () => ReturnType<Budget['reserve']>
    readonly waitingBytesMax?: number
    readonly price?: Price | null
  }) {
    const resolved: Response[] = []
    const calls: string[] = []
    const unpriced: string[] = []
    const booked: string[] = []
    let mono = 0
    const caller: ModelCaller = {
      call: async (_provider, { requestId }) => {
        calls.push(requestId)
        return options.results?.shift() ?? answered
      },
      stop: async () => undefined,
    }
    const runner = createLegRunner({
      clock: { nowMs: () => 0, monoMs: () => mono },
      caller,
      budget: {
        async reserve(_run, _limits, estimate) {
          booked.push(`reserve ${estimate.microUsd}`)
          return options.reserve?.() ?? 'reserved'
        },
        settle: async (_run, _estimate, actual) => void booked.push(`settle ${actual.microUsd}`),
      },
      concurrency: { max: 4, slowdownMax: 2, toleranceMs: 0, quotaFloor: 0 },
      retriesMax: 2,
      waitingBytesMax: options.waitingBytesMax ?? 1_000,
      provider: () => ({
        id: 'p',
        baseUrl: 'http://p',
        api: 'openai',
        operations: new Set(['chat.completions']),
        apiKey: null,
      }),
      price: () =>
        options.price === undefined
          ? { inputMicroUsdPerMillion: 1_000_000, outputMicroUsdPerMillion: 1_000_000 }
          : options.price,
      onUnpriced: (of) => void unpriced.push(of.model),
      limits: () => ({ calls: 10, micro_usd: 10 }),
      onResolved: (_task, response) => void resolved.push(response),
      metrics: createPrometheusMetrics(),
    })
    const disowned = new AbortController()
    const task: LegTask = {
      exchangeId: 'x',
      route: 'r',
      place,
      arm: 'candidate',
      variant,
      operation: 'chat.completions',
      headers: {},
      body: {},
      bodyBytes: 10,
      promptVersion: null,
      startByMonoMs: 1_000,
      timeoutMs: 100,
      disowned: disowned.signal,
    }
    return {
      runner,
      resolved,
      calls,
      unpriced,
      booked,
      disowned,
      task,
      at(ms: number) {
        mono = ms
      },
    }
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 350))

  it('repeats what had not begun, and resolves once', async () => {
    const { runner, resolved, calls, task } = setUp({ results: [failed, failed] })
    runner.submit(task)
    await settled()
    expect(calls).toHaveLength(3)
    expect(resolved.map((response) => response.resolution)).toEqual(['answered'])
  })

  it('does not repeat an answer that had begun', async () => {
    const { runner, resolved, calls, task } = setUp({ results: [{ ...failed, begun: true, errorClass: 'truncated' }] })
    runner.submit(task)
    await settled()
    expect(calls).toHaveLength(1)
    expect(resolved.map((response) => response.resolution)).toEqual(['failed'])
  })

  it('skips when the budget is spent, waits while Redis is away, gives up when it is too late, and refuses above its bytes', async () => {
    const spent = setUp({ reserve: async () => 'exhausted_micro_usd' })
    spent.runner.submit(spent.task)
    await settled()
    expect(spent.resolved[0]).toMatchObject({ resolution: 'skipped_budget', error_class: 'exhausted_micro_usd' })

    const away = setUp({ reserve: async () => 'away' })
    away.runner.submit(away.task)
    await settled()
    expect(away.resolved).toEqual([])
    away.at(1_001)
    away.runner.pump()
    expect(away.resolved[0]).toMatchObject({ resolution: 'skipped_backlog' })

    const full = setUp({ waitingBytesMax: 5 })
    full.runner.submit(full.task)
    expect(full.resolved[0]).toMatchObject({ resolution: 'skipped_backlog', error_class: 'waiting_bytes' })
  })

  it('reserves each attempt, and books what it used, or all of it when nobody knows', async () => {
    const unknown = { ...failed, errorClass: 'provider_5xx', status: 503, maybeCharged: true }
    const usage = { inputTokens: 5, outputTokens: 6, cachedTokens: null }
    const answer = {
      text: 'x',
      vectors: null,
      irregular: [],
      usage,
      toolCalls: [],
      finishReason: 'stop',
      refusal: null,
      model: null,
      error: null,
    }
    const whole = { ...answer, firstTokenAtMs: 1, complete: true, truncated: false }
    const used: CallResult = { ...answered, heard: { answer: whole, truncated: false, failure: null } }
    const { runner, booked, task } = setUp({ results: [failed, unknown, used] })
    runner.submit(task)
    await settled()
    expect(booked).toEqual(['reserve 1003', 'settle 0', 'reserve 1003', 'settle 1003', 'reserve 1003', 'settle 11'])
  })

  it('makes no call of a model without a price, and says which', async () => {
    const { runner, resolved, calls, unpriced, task } = setUp({ price: null })
    runner.submit(task)
    await settled()
    expect(calls).toEqual([])
    expect(unpriced).toEqual(['model-b'])
    expect(resolved[0]).toMatchObject({ resolution: 'skipped_budget', error_class: 'no_price' })
  })

  it('waits as long as the provider asks, and does not repeat when that is too long', async () => {
    const { runner, resolved, calls, task } = setUp({ results: [{ ...failed, retryAfterMs: 2_000 }] })
    runner.submit(task)
    await settled()
    expect(calls).toHaveLength(1)
    expect(resolved[0]).toMatchObject({ resolution: 'failed', error_class: 'rate_limited' })
  })

  it('starts no attempt after its start window, whatever came in between', async () => {
    const late = setUp({ results: [failed] })
    const { runner, resolved, calls, task } = late
    runner.submit(task)
    await new Promise((resolve) => setImmediate(resolve))
    late.at(1_001)
    await settled()
    expect(calls).toHaveLength(1)
    expect(resolved.map(({ resolution }) => resolution)).toEqual(['failed'])
    const slow = setUp({
      reserve: async () => {
        slow.at(1_001)
        return 'reserved'
      },
    })
    slow.runner.submit(slow.task)
    await settled()
    expect(slow.calls).toEqual([])
    expect(slow.booked).toEqual(['reserve 1003', 'settle 0'])
    expect(slow.resolved[0]).toMatchObject({ resolution: 'skipped_backlog', error_class: 'too_late' })
  })

  it('stops in the middle of a pause, and resolves nothing that another owner resolves', async () => {
    const stopped = setUp({ results: [{ ...failed, retryAfterMs: 900 }] })
    stopped.runner.submit(stopped.task)
    await new Promise((resolve) => setImmediate(resolve))
    await stopped.runner.stop()
    expect(stopped.calls).toHaveLength(1)
    expect(stopped.resolved).toEqual([])
    const disowned = setUp({})
    disowned.runner.submit(disowned.task)
    disowned.disowned.abort()
    await settled()
    expect(disowned.resolved).toEqual([])
  })

  it('holds back the legs of the route whose baseline suffers, and of no other', async () => {
    const { runner, calls, task } = setUp({})
    runner.observeBaseline('r', { ttftMs: null, quotaRemaining: -1 })
    runner.submit(task)
    runner.submit({ ...task, exchangeId: 'y', route: 'other' })
    await settled()
    expect(calls).toEqual(['y-candidate-1'])
  })
})
