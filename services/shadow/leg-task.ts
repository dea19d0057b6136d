import type { Arm, Place, Request, Resolution, Response, Variant } from '../domain/events/records.ts'
import { type Operation, operationNamed } from '../domain/sampling/operations.ts'
import { parametersHash } from '../domain/sampling/parameters-hash.ts'
import type { Prompt } from '../domain/sampling/prompt.ts'
import { replayBody } from '../domain/sampling/replay-body.ts'
import { vectorSketch } from '../domain/scoring/vector-sketch.ts'
import { answerFields } from '../platform/model-api/answer-fields.ts'
import type { CallResult, Provider } from './call-model.ts'
import { outputTokensMax } from './output-tokens-max.ts'

/** One planned shadow call. Ends in exactly one counted Response, whatever happens. */
export interface LegTask {
  readonly exchangeId: string
  readonly route: string
  readonly place: Place
  readonly arm: Arm
  readonly variant: Variant
  readonly operation: Operation
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
  readonly bodyBytes: number
  readonly promptVersion: string | null
  /** Monotonic: not started after this. */
  readonly startByMonoMs: number
  readonly timeoutMs: number
  /** Aborts when the partition of the exchange goes to another owner: then that one resolves the leg. */
  readonly disowned: AbortSignal
}

/** Which providers a tenant's text may go to besides the one that served it live. */
export type AllowedProviders = (tenant: string) => ReadonlySet<string>

/** The prompt of a route's version; `unknown` where the route keeps prompts and not this one. */
export type PromptOf = (route: string, version: string | null) => Prompt | null | 'unknown'

/** Why a leg is not even tried, or the body to send. */
export function admitLeg(
  request: Request,
  variant: Variant,
  liveProvider: string | null,
  may: { readonly allowed: AllowedProviders; readonly promptOf: PromptOf },
):
  | { readonly kind: 'skip'; readonly why: string }
  | ({ readonly kind: 'send' } & Pick<LegTask, 'operation' | 'headers' | 'body'>) {
  const operation = operationNamed(request.operation)
  if (operation === null) return { kind: 'skip', why: 'operation' }
  if (request.capture !== 'full' || request.body.length === 0) return { kind: 'skip', why: 'capture' }
  if (variant.provider !== liveProvider && !may.allowed(request.tenant).has(variant.provider))
    return { kind: 'skip', why: 'provider_not_allowed' }
  const prompt = may.promptOf(request.route, variant.prompt_version)
  if (prompt === 'unknown') return { kind: 'skip', why: 'unknown_prompt' }
  const { model, parameters } = variant
  const replay = replayBody(request.body, { operation, model, parameters, prompt })
  if (replay.kind === 'refused') return { kind: 'skip', why: replay.reason }
  return { kind: 'send', operation, headers: versionHeaders(request.headers), body: replay.body }
}

/** What says how a body is to be read, of all that came with it. */
const versionNames = ['anthropic-version', 'anthropic-beta', 'openai-beta'] as const

function versionHeaders(headers: Request['headers']): Record<string, string> {
  return Object.fromEntries(
    versionNames.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  )
}

/** Of a leg that heard nothing. */
const nothingSaid = {
  first_token_at: null,
  model_served: null,
  output: '',
  tool_calls: [],
  finish_reason: null,
  refusal: null,
  input_tokens: null,
  output_tokens: null,
  cached_tokens: null,
  usage_source: 'estimated',
  truncated: false,
  cost_micro_usd: null,
} as const

/** The Response of a leg that was never asked for. */
export function skippedResponse(
  leg: {
    readonly exchangeId: string
    readonly arm: Arm
    readonly variant: Variant
    readonly promptVersion: string | null
  },
  resolution: Resolution,
  errorClass: string | null,
  nowMs: number,
): Response {
  return {
    exchange_id: leg.exchangeId,
    arm: leg.arm,
    leg: 'shadow',
    attempt_id: `${leg.exchangeId}-${leg.arm}-skipped`,
    resolution,
    error_class: errorClass,
    status: null,
    started_at: nowMs,
    ended_at: nowMs,
    provider: leg.variant.provider,
    model_requested: leg.variant.model,
    prompt_version: leg.variant.prompt_version ?? leg.promptVersion,
    parameters_hash: '',
    ...nothingSaid,
    quota_remaining: null,
  }
}

/** Micro-dollars per million tokens. */
export interface Price {
  readonly inputMicroUsdPerMillion: number
  readonly outputMicroUsdPerMillion: number
}

/** Four characters a token, as providers advise for English. */
const charactersPerToken = 4

/** Tokens that a call may take at most as far as anybody knows before it: what is reserved for it. */
export function tokensToReserve(task: LegTask): { readonly input: number; readonly output: number } {
  return {
    input: Math.ceil(task.bodyBytes / charactersPerToken),
    output: outputTokensMax(task.operation, task.body),
  }
}

export function costMicroUsd(price: Price, inputTokens: number, outputTokens: number): number {
  return Math.round((inputTokens * price.inputMicroUsdPerMillion + outputTokens * price.outputMicroUsdPerMillion) / 1e6)
}

/** The Response of a leg that was called. */
export function calledResponse(
  task: LegTask,
  provider: Provider,
  result: CallResult,
  price: Price,
  attempt: number,
): Response {
  return {
    exchange_id: task.exchangeId,
    arm: task.arm,
    leg: 'shadow',
    attempt_id: `${task.exchangeId}-${task.arm}-${attempt}`,
    resolution: result.outcome,
    error_class: result.errorClass,
    status: result.status,
    started_at: result.startedAtMs,
    ended_at: result.endedAtMs,
    provider: provider.id,
    model_requested: task.variant.model,
    prompt_version: task.variant.prompt_version ?? task.promptVersion,
    parameters_hash: parametersHash(task.body),
    ...saidIn(task, result, price),
    quota_remaining: null,
  }
}

function saidIn(task: LegTask, { heard, outcome }: CallResult, price: Price) {
  if (heard === null) return nothingSaid
  const { answer, truncated } = heard
  const answered = outcome === 'answered'
  const fields = answerFields(heard, answered, task.body)
  // A failure that reported its usage was charged for it.
  const isKnown = (answered && !truncated) || (answer.complete && answer.usage !== null)
  return {
    ...fields,
    output: answer.vectors === null ? answer.text : vectorSketch(answer.vectors),
    cost_micro_usd: isKnown ? costMicroUsd(price, fields.input_tokens ?? 0, fields.output_tokens ?? 0) : null,
  }
}
