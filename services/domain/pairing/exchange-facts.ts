import type { Request } from '../events/records.ts'
import { sha256Hex } from '../scoring/normalise.ts'

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
  readonly promptHash: string | null
  readonly hasText: boolean
}

const blockMs = 600_000

/** Reduces a request to its facts. The unit is the session; without one, tenant, prompt and a 10-minute block stand for it. */
export function exchangeFacts(request: Request, appendMs: number): ExchangeFacts {
  const { place, live_arm, assignment, assignment_unit, turn, tenant, segments, golden_ref } = request
  const promptHash = lastUserMessageHash(request.body)
  const block = Math.floor(appendMs / blockMs)
  const unit =
    request.session ??
    sha256Hex(`${request.tenant}\u001f${promptHash ?? request.exchange_id}\u001f${block}`).slice(0, 32)
  return {
    exchangeId: request.exchange_id,
    request: { place, live_arm, assignment, assignment_unit, turn, tenant, segments, golden_ref },
    arrivedAtMs: appendMs,
    unit,
    promptHash,
    hasText: request.capture === 'full' || request.capture === 'redacted',
  }
}

/** SHA-256 (hex) of the last user message's text; null when the body is no chat request or was not captured. */
export function lastUserMessageHash(body: Uint8Array): string | null {
  if (body.length === 0) return null
  try {
    const parsed = JSON.parse(new TextDecoder().decode(body)) as { readonly messages?: unknown }
    const messages = Array.isArray(parsed.messages)
      ? (parsed.messages as { readonly role?: unknown; readonly content?: unknown }[])
      : []
    const content = messages.findLast((message) => message?.role === 'user')?.content
    const text = typeof content === 'string' ? content : Array.isArray(content) ? content.map(partText).join('') : null
    return text === null ? null : sha256Hex(text)
  } catch {
    return null
  }
}

function partText(part: unknown): string {
  const text = (part as { readonly text?: unknown } | null)?.text
  return typeof text === 'string' ? text : ''
}
