import type { Request } from '../events/records.ts'
import type { Sha256Hex } from '../scoring/normalise.ts'
import type { RunFacts } from './run-facts.ts'
import type { SharedValues } from './shared-values.ts'

/** What is read of a request. */
export const requestFields = [
  'exchange_id',
  'tenant',
  'session',
  'assignment_unit',
  'turn',
  'segments',
  'live_arm',
  'assignment',
  'place',
  'shadow_plan',
  'body',
  'capture',
  'golden_ref',
  'tap_drops',
] as const satisfies readonly (keyof Request)[]

export type AskedRequest = Pick<Request, (typeof requestFields)[number]>

/** What is kept of a request: who, where and which unit, no text. */
export interface ExchangeFacts {
  readonly exchangeId: string
  readonly request: Pick<
    Request,
    'place' | 'live_arm' | 'assignment' | 'assignment_unit' | 'turn' | 'tenant' | 'segments' | 'golden_ref'
  >
  /** Broker append time: the arrival that orders. */
  readonly arrivedAtMs: number
  readonly unit: string
  /** Null also where nobody asks for it. */
  readonly promptHash: string | null
  readonly hasText: boolean
}

const decoder = new TextDecoder()
const blockMs = 600_000

/** Reduces a request to its facts. The unit is the session; without one, tenant, prompt and a 10-minute block stand for it. */
export function exchangeFacts(
  request: AskedRequest,
  appendMs: number,
  { hash, shared }: { readonly hash: Sha256Hex; readonly shared: SharedValues },
  { goldenByPrompt }: Pick<RunFacts, 'goldenByPrompt'>,
): ExchangeFacts {
  const { live_arm, assignment, assignment_unit, turn, golden_ref } = request
  const place = request.place === null ? null : shared.place(request.place)
  const tenant = shared.text(request.tenant)
  const segments = shared.segments(request.segments)
  const isPromptAsked = request.session === null || goldenByPrompt
  const promptHash = isPromptAsked ? lastUserMessageHash(request.body, hash) : null
  const block = Math.floor(appendMs / blockMs)
  const unit =
    request.session ?? hash(`${request.tenant}\u001f${promptHash ?? request.exchange_id}\u001f${block}`).slice(0, 32)
  return {
    exchangeId: request.exchange_id,
    request: { place, live_arm, assignment, assignment_unit, turn, tenant, segments, golden_ref },
    arrivedAtMs: appendMs,
    unit,
    promptHash,
    hasText: request.capture === 'full' || request.capture === 'redacted',
  }
}

/**
 * SHA-256 (hex) of the text of the last user message, or of what an operation without messages is asked with; null when the body is none that can be
 * read or was not captured.
 */
export function lastUserMessageHash(body: Uint8Array, hash: Sha256Hex): string | null {
  if (body.length === 0) return null
  try {
    const text = askedText(JSON.parse(decoder.decode(body)) as Asked)
    return text === null ? null : hash(text)
  } catch {
    return null
  }
}

interface Asked {
  readonly messages?: unknown
  readonly input?: unknown
  readonly prompt?: unknown
}

/** `input` of responses is a text or items like messages, that of embeddings a text or texts; `prompt` is that of the older completions. */
function askedText({ messages, input, prompt }: Asked): string | null {
  if (typeof input === 'string') return input
  if (Array.isArray(messages)) return lastOfUser(messages)
  if (Array.isArray(input))
    return input.every((item) => typeof item === 'string') ? input.join('\n') : lastOfUser(input)
  return typeof prompt === 'string' ? prompt : null
}

function lastOfUser(messages: readonly unknown[]): string | null {
  const of = messages as readonly { readonly role?: unknown; readonly content?: unknown }[]
  const content = of.findLast((message) => message?.role === 'user')?.content
  return typeof content === 'string' ? content : Array.isArray(content) ? content.map(partText).join('') : null
}

function partText(part: unknown): string {
  const text = (part as { readonly text?: unknown } | null)?.text
  return typeof text === 'string' ? text : ''
}
