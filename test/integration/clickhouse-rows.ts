import type {
  Ack,
  Arm,
  Decision,
  Evidence,
  Leg,
  Place,
  Request,
  Response,
} from '../../services/domain/events/records.ts'

/** Rows that every query is read against: in a year that no table's TTL reaches. */
export const startMs = Date.UTC(2099, 0, 15, 12)

const place: Place = {
  run: 'run-1',
  wave: 'all',
  stage_entry: 2,
  stage: 'canary-5',
  epoch: 7,
  rule: 'all',
  candidate_weight: 5_000,
}

export function request(exchange: string, arm: Arm): Request {
  return {
    exchange_id: exchange,
    route: 'chat',
    operation: 'chat.completions',
    tenant: 'acme',
    session: null,
    assignment_unit: 'unit',
    turn: 0,
    segments: { tier: 'enterprise' },
    arrived_at: startMs,
    live_arm: arm,
    assignment: 'split',
    place,
    shadow_plan: null,
    body: new TextEncoder().encode(`prompt of ${exchange}, naïve 😀`),
    headers: {},
    capture: 'full',
    prompt_id: null,
    prompt_version: null,
    golden_ref: null,
    traceparent: null,
    client_request_id: null,
    tap_drops: 0,
  }
}

export function response(exchange: string, arm: Arm, leg: Leg, output: string): Response {
  return {
    exchange_id: exchange,
    arm,
    leg,
    attempt_id: `${arm}-${leg}`,
    resolution: 'answered',
    error_class: null,
    status: 200,
    started_at: startMs,
    first_token_at: startMs + 20,
    ended_at: startMs + 120,
    provider: 'replay',
    model_requested: `model-${arm}`,
    model_served: null,
    prompt_version: null,
    parameters_hash: '',
    output,
    tool_calls: [],
    finish_reason: 'stop',
    refusal: null,
    input_tokens: 10,
    output_tokens: null,
    cached_tokens: null,
    usage_source: 'reported',
    cost_micro_usd: 5,
    truncated: false,
    quota_remaining: null,
  }
}

export function evidence(exchange: string, change: Partial<Evidence>): Evidence {
  return {
    id: exchange,
    version: 0,
    place,
    exchange_id: exchange,
    comparison: 'content_ab',
    source: 'pairing',
    horizon_ms: 30_000,
    arrived_at: startMs,
    arm: null,
    baseline_resolution: 'answered',
    candidate_resolution: 'answered',
    unit: 'unit',
    assignment_unit: 'unit',
    turn: 0,
    tenant: 'acme',
    segments: { tier: 'enterprise' },
    inclusion_p: 1,
    metrics: [],
    late: false,
    ...change,
  }
}

export const decision: Decision = {
  id: 'decision-1',
  run: 'run-1',
  wave: 'all',
  stage_entry: 2,
  from_phase: 'canary',
  to_phase: 'rolled_back',
  by: 'gate-1',
  reason: 'error over margin',
  analysis: '{}',
  times: { breached_at: startMs, latch_written_at: startMs + 12 },
  at: startMs + 30,
}

export function ack(router: string, offsetMs: number, brakes: readonly string[]): Ack {
  return {
    router,
    route: 'chat',
    epoch: 7,
    brakes,
    lease: 'live',
    outcome: 'applied',
    code: null,
    observed_candidate_share: null,
    applied_at: startMs + offsetMs,
    sent_at: startMs + offsetMs + 1,
  }
}
