import { parseExactly } from './exact-json.ts'
import { restsOnStoredState, runsTools } from './unreplayable.ts'
import { type VariantChange, withChange } from './variant-change.ts'

/** Fields that make the provider keep state, link to kept state, or name a person. A replay must leave no trace and act on nothing. */
export const statefulFields: readonly string[] = [
  'store',
  'metadata',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'previous_response_id',
  'conversation',
  'background',
  'service_tier',
]

/**
 * Why a request is not asked a second time. `runs_tools`: the provider itself would run them. `stored_state`: it rests on what the provider keeps (an
 * earlier response, a conversation, a container): another model does not have it, and without it it would be another question. `background`: its
 * answer is only a receipt.
 */
type ReplayRefusal = 'not_json' | 'not_an_object' | 'runs_tools' | 'stored_state' | 'background'

export type ReplayBody =
  | { readonly kind: 'body'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refused'; readonly reason: ReplayRefusal }

/**
 * The request body for another variant: with what it changes, without stateful fields, one choice. Function tools stay declared, so that
 * the candidate may ask for them (nobody runs them).
 */
export function replayBody(original: Uint8Array, change: VariantChange): ReplayBody {
  const { operation } = change
  const parsed = parseRequestBody(original)
  if (typeof parsed === 'string') return { kind: 'refused', reason: parsed }
  if (runsTools(parsed, operation)) return { kind: 'refused', reason: 'runs_tools' }
  if (restsOnStoredState(parsed)) return { kind: 'refused', reason: 'stored_state' }
  if (parsed['background'] === true) return { kind: 'refused', reason: 'background' }
  const body: Record<string, unknown> = { ...withChange(parsed, change) }
  for (const field of statefulFields) delete body[field]
  if ('n' in body) body['n'] = 1
  if ('best_of' in body) body['best_of'] = 1
  // Responses are kept unless the request says otherwise.
  if (operation === 'responses') body['store'] = false
  return { kind: 'body', body }
}

/** A request's body as an object; what it says of numbers is kept exactly (see parseExactly). */
export function parseRequestBody(bytes: Uint8Array): Readonly<Record<string, unknown>> | 'not_json' | 'not_an_object' {
  let value: unknown
  try {
    value = parseExactly(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return 'not_json'
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : 'not_an_object'
}
