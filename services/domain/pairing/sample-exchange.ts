import type { Request, Response, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import type { RunFacts } from './run-facts.ts'

// Records of one exchange in a canary stage, for the tests of the join.

export const place = {
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

export const run: RunFacts = { plan, goldenByPrompt: false, golden: () => null, price: () => null }

export function request(id: string, change: Partial<Request> = {}): Request {
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

export function shadowPlan(id: string): ShadowPlan {
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

export function response(
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
