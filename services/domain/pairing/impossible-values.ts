import type { Place, ShadowPlan } from '../events/records.ts'
import type { Answer } from '../scoring/leg-facts.ts'
import type { AskedRequest } from './exchange-facts.ts'

const longestLegMs = 24 * 3_600_000
const weightMax = 100_000
/** Facts of a request are copied into each of its evidence records: together they stay far below the broker's largest record. */
const factCharactersMax = 16_384
/** Names of segments, tenants and runs that anyone meant to compare by. */
const segmentsMax = 64

/** What no request can hold, or more than its facts may; null when it can be used. Says where and how much, never the text itself. */
export function requestProblem(request: AskedRequest): string | null {
  if (!(request.turn >= 0)) return `turn ${request.turn} is negative`
  const segments = Object.entries(request.segments)
  if (segments.length > segmentsMax) return `${segments.length} segments`
  const texts = [
    request.exchange_id,
    request.session ?? '',
    request.assignment_unit,
    request.tenant,
    request.golden_ref ?? '',
    ...segments.flat(),
    ...placeTexts(request.place),
  ]
  const characters = texts.reduce((sum, text) => sum + text.length, 0)
  if (characters > factCharactersMax) return `${characters} characters of names, segments and units`
  return (
    placeProblem(request.place) ?? (request.shadow_plan === null ? null : planProblem(request.shadow_plan, request))
  )
}

/** What no plan can hold; null when it can be used. `request` when the plan came within one. */
export function planProblem(plan: ShadowPlan, request: AskedRequest | null = null): string | null {
  if (request !== null && plan.exchange_id !== request.exchange_id) return 'the plan is that of another exchange'
  if (placeTexts(plan.place).some((text) => text.length > factCharactersMax)) return 'a place of more than names'
  const arms = new Set(plan.legs.map(({ arm }) => arm))
  if (arms.size < plan.legs.length) return 'two legs of one arm'
  const shares = plan.legs.flatMap((leg) => [leg.content_ab_p, leg.shadow_ab_p, leg.aa_p])
  const wrong = shares.find((share) => !(share >= 0 && share <= 1))
  return wrong === undefined ? placeProblem(plan.place) : `inclusion probability ${wrong}`
}

/** Durations are all that counts of a producer's clock; those no leg can have are refused. */
export function responseProblem(response: Answer): string | null {
  const durationMs = response.ended_at - response.started_at
  if (!(durationMs >= 0 && durationMs <= longestLegMs)) return `the leg lasted ${durationMs} ms`
  const first = response.first_token_at
  if (first !== null && (first < response.started_at || first > response.ended_at))
    return 'the first token lies outside the leg'
  const counts = [response.input_tokens, response.output_tokens, response.cached_tokens, response.cost_micro_usd]
  return counts.some((count) => count !== null && count < 0) ? 'a token count or cost is negative' : null
}

function placeProblem(place: Place | null): string | null {
  if (place === null) return null
  if (!(place.candidate_weight >= 0 && place.candidate_weight <= weightMax)) return `weight ${place.candidate_weight}`
  if (!(place.stage_entry >= 0)) return `stage entry ${place.stage_entry}`
  return place.epoch >= 0 ? null : `epoch ${place.epoch}`
}

function placeTexts(place: Place | null): readonly string[] {
  return place === null ? [] : [place.run, place.wave, place.stage, place.rule]
}
