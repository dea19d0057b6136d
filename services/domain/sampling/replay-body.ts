import type { Variant } from '../events/records.ts'
import { parseExactly } from './exact-json.ts'

/** Operations that may be replayed: calls that only compute an answer. Everything else is skipped by policy. */
export const replayableOperations: ReadonlySet<string> = new Set(['chat.completions'])

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

export type ReplayBody =
  | { readonly kind: 'body'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refused'; readonly reason: 'not_json' | 'not_an_object' | 'runs_tools' }

/**
 * The request body for another variant: its model and parameters, without stateful fields, one choice. Function tools stay declared, so that
 * the candidate may ask for them (nobody runs them); tools that the provider itself would run (search, code, connectors) refuse the replay.
 */
export function replayBody(original: Uint8Array, variant: Variant): ReplayBody {
  const parsed = parseRequestBody(original)
  if (typeof parsed === 'string') return { kind: 'refused', reason: parsed }
  if (runsTools(parsed)) return { kind: 'refused', reason: 'runs_tools' }
  const body: Record<string, unknown> = { ...withVariant(parsed, variant) }
  for (const field of statefulFields) delete body[field]
  if ('n' in body) body['n'] = 1
  return { kind: 'body', body }
}

/** Sets the variant's model and parameters; parameter values are JSON texts. */
export function withVariant(
  body: Readonly<Record<string, unknown>>,
  variant: Pick<Variant, 'model' | 'parameters'>,
): Readonly<Record<string, unknown>> {
  const parameters = Object.entries(variant.parameters).map(([name, value]) => [name, parameterValue(value)] as const)
  return { ...body, ...Object.fromEntries(parameters), model: variant.model }
}

function parameterValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A search by the provider is asked for by a field of its own, too; without it the answer would be another one. */
function runsTools(body: Readonly<Record<string, unknown>>): boolean {
  if ((body['web_search_options'] ?? null) !== null) return true
  const tools = body['tools'] ?? []
  return !Array.isArray(tools) || !tools.every(isFunctionTool)
}

function isFunctionTool(tool: unknown): boolean {
  return typeof tool === 'object' && tool !== null && (tool as { type?: unknown }).type === 'function'
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
