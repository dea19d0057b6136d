import { parseRequestBody } from '../domain/sampling/replay-body.ts'
import { type VariantChange, withChange } from '../domain/sampling/variant-change.ts'

/** The body with what a variant changes; null for what is no JSON object, and for what is nested deeper than can be written again. */
export function rewriteBody(body: Uint8Array, change: VariantChange): Uint8Array<ArrayBuffer> | null {
  try {
    const parsed = parseRequestBody(body)
    return typeof parsed === 'string' ? null : new TextEncoder().encode(JSON.stringify(withChange(parsed, change)))
  } catch {
    return null
  }
}
