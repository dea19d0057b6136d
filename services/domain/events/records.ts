// Generated from schemas/avro/contracts.avdl by `npm run generate`. Do not edit.

export type Arm = 'baseline' | 'candidate'

export type Leg = 'live' | 'shadow'

/** Why this request went to this arm. Only `split` enters unpaired tests and the sample-ratio check. */
export type Assignment = 'split' | 'latched' | 'killed' | 'lapsed' | 'local_kill' | 'no_split'

export type Resolution =
  | 'answered'
  | 'failed'
  | 'timed_out'
  | 'aborted_by_client'
  | 'abandoned'
  | 'skipped_budget'
  | 'skipped_policy'
  | 'skipped_backlog'
  | 'shadow_infrastructure'

/** What is compared. live_ab: live arms, unpaired singles. content_ab: live answer against the other arm's shadow answer.
 * shadow_ab: both shadow answers of one exchange. aa: live baseline against its own second (shadow) answer. */
export type Comparison = 'live_ab' | 'content_ab' | 'shadow_ab' | 'aa'

/** Where in which run an exchange belongs; stamped once by whoever assigned or planned, copied ever after, never looked up by time. */
export interface Place {
  readonly run: string
  readonly wave: string
  readonly stage_entry: number
  readonly stage: string
  readonly epoch: number
  readonly rule: string
  readonly candidate_weight: number
}

export interface PlannedLeg {
  readonly arm: Arm
  readonly content_ab_p: number
  readonly shadow_ab_p: number
  readonly aa_p: number
}

/** Which shadow calls this exchange gets. Written by the tap inside Request, else by the shadow service as its own record; nobody else decides. */
export interface ShadowPlan {
  readonly exchange_id: string
  readonly place: Place | null
  readonly legs: readonly PlannedLeg[]
  readonly deadline_at: number
}

/** Sent at arrival, never held back for the response. */
export interface Request {
  readonly exchange_id: string
  readonly route: string
  readonly operation: string
  readonly tenant: string
  readonly session: string | null
  readonly assignment_unit: string
  readonly turn: number
  readonly segments: Readonly<Record<string, string>>
  readonly arrived_at: number
  readonly live_arm: Arm
  readonly assignment: Assignment
  readonly place: Place | null
  readonly shadow_plan: ShadowPlan | null
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly capture: string
  readonly prompt_id: string | null
  readonly prompt_version: string | null
  readonly golden_ref: string | null
  readonly traceparent: string | null
  readonly client_request_id: string | null
  readonly tap_drops: number
}

export interface ToolCall {
  readonly name: string
  readonly arguments: string
}

export interface Response {
  readonly exchange_id: string
  readonly arm: Arm
  readonly leg: Leg
  readonly attempt_id: string
  readonly resolution: Resolution
  readonly error_class: string | null
  readonly status: number | null
  readonly started_at: number
  readonly first_token_at: number | null
  readonly ended_at: number
  readonly provider: string
  readonly model_requested: string
  readonly model_served: string | null
  readonly prompt_version: string | null
  readonly parameters_hash: string
  readonly output: string
  readonly tool_calls: readonly ToolCall[]
  readonly finish_reason: string | null
  readonly refusal: string | null
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cached_tokens: number | null
  readonly usage_source: string
  readonly cost_micro_usd: number | null
  readonly truncated: boolean
  readonly quota_remaining: number | null
}

export interface MetricValue {
  readonly name: string
  readonly baseline: number | null
  readonly candidate: number | null
}

/** One final outcome set of one exchange at one horizon. id = first 32 hex of SHA-256 over exchange, run, comparison, arm of a single (else empty), source, horizon_ms, joined by 0x1f; highest version counts.
 * A metric that an outcome does not define is absent: refusal and content of unanswered legs, full-horizon outcomes of legs never answered, score, cost and latency of aborted ones. Abandoned is a metric of its own and no error. */
export interface Evidence {
  readonly id: string
  readonly version: number
  readonly place: Place
  readonly exchange_id: string
  readonly comparison: Comparison
  readonly source: string
  readonly horizon_ms: number
  readonly arrived_at: number
  readonly arm: Arm | null
  readonly baseline_resolution: Resolution | null
  readonly candidate_resolution: Resolution | null
  readonly unit: string
  readonly assignment_unit: string
  readonly turn: number
  readonly tenant: string
  readonly segments: Readonly<Record<string, string>>
  readonly inclusion_p: number
  readonly metrics: readonly MetricValue[]
  readonly late: boolean
}

/** llm.progress.v1, each second per (source, exchange partition), also when idle, after the evidence it speaks of is acknowledged. */
export interface Progress {
  readonly source: string
  readonly exchange_partition: number
  readonly read_through: number
  readonly evidence_offsets: Readonly<Record<string, number>>
  readonly planned: number
  readonly paired: number
  readonly skipped: number
  readonly lost: number
  readonly tap_drops: number
  readonly late: number
}

export interface Variant {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly prompt_version: string | null
  readonly parameters: Readonly<Record<string, string>>
}

export interface Rule {
  readonly id: string
  readonly wave: string
  readonly match: Readonly<Record<string, string>>
  readonly candidate_weight: number
}

export interface ShadowShares {
  readonly share: number
  readonly second_leg_share: number
  readonly counterfactual_share: number
  readonly segment_shares: Readonly<Record<string, number>>
  readonly deadline_ms: number
  readonly leg_timeout_ms: number
  readonly budgets: Readonly<Record<string, number>>
  readonly salt: string
}

/** control.splits.v1, key route. In the shadow phase all weights are 0 and there is no lease. After completion default_variant is the former candidate, rules are empty, there is no lease. */
export interface Split {
  readonly route: string
  readonly epoch: number
  readonly run: string | null
  readonly default_variant: string
  readonly variants: readonly Variant[]
  readonly sticky_key: string
  readonly salt: string
  readonly rules: readonly Rule[]
  readonly stage_entries: Readonly<Record<string, number>>
  readonly stages: Readonly<Record<string, string>>
  readonly shadow: ShadowShares | null
  readonly lease_ms: number | null
  readonly on_lapse: string
  readonly releases: readonly string[]
  readonly routers: readonly string[]
  readonly written_at: number
  readonly decision_id: string
}

/** control.brakes.v1, key <route>/latch/<id>. Binds its run (or one wave of it) until a Split of the route names it in releases or belongs to another run. A tombstone lifts nothing. */
export interface Latch {
  readonly id: string
  readonly route: string
  readonly run: string
  readonly wave: string | null
  readonly reason: string
  readonly by: string
  readonly breached_at: number
  readonly written_at: number
}

/** key <route>/kill/<id> or "*"/kill/<id>. Ends by a record of the same key with released_at; splits at or below min_epoch (per route) then stay at 0. */
export interface Kill {
  readonly id: string
  readonly route: string
  readonly by: string
  readonly reason: string
  readonly written_at: number
  readonly released_at: number | null
  readonly min_epoch: Readonly<Record<string, number>>
}

export interface Armed {
  readonly run: string
  readonly wave: string
  readonly stage_entry: number
}

/** control.heartbeats.v1 */
export interface Heartbeat {
  readonly gate: string
  readonly armed: readonly Armed[]
  readonly frontier: number
  readonly sent_at: number
}

/** control.acks.v1, key router */
export interface Ack {
  readonly router: string
  readonly route: string
  readonly epoch: number
  readonly brakes: readonly string[]
  readonly lease: string
  readonly outcome: string
  readonly code: string | null
  readonly observed_candidate_share: number | null
  readonly applied_at: number
  readonly sent_at: number
}

/** rollout.commands.v1: people, CI and gates. One made for another stage_entry is recorded and refused. */
export interface Command {
  readonly id: string
  readonly run: string
  readonly wave: string | null
  readonly stage_entry: number | null
  readonly kind: string
  readonly by: string
  readonly reason: string
  readonly payload: string
  readonly at: number
}

/** rollout.decisions.v1. `analysis` is JSON: policy hash, counts, intervals, e-values, offsets, seed, code version. */
export interface Decision {
  readonly id: string
  readonly run: string
  readonly wave: string
  readonly stage_entry: number
  readonly from_phase: string
  readonly to_phase: string
  readonly by: string
  readonly reason: string
  readonly analysis: string
  readonly times: Readonly<Record<string, number>>
  readonly at: number
}

/** A record that a consumer could not use. Says where it stands and why, never what it held. */
export interface DeadLetter {
  readonly consumer: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly code: string
  readonly reason: string
  readonly record_name: string | null
  readonly at: number
}

/** Record name → value, for the codec. */
export interface Records {
  readonly Request: Request
  readonly ShadowPlan: ShadowPlan
  readonly Response: Response
  readonly Evidence: Evidence
  readonly Progress: Progress
  readonly Split: Split
  readonly Latch: Latch
  readonly Kill: Kill
  readonly Heartbeat: Heartbeat
  readonly Ack: Ack
  readonly Command: Command
  readonly Decision: Decision
  readonly DeadLetter: DeadLetter
}

export type RecordName = keyof Records
