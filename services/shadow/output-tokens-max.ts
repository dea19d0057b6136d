import type { Operation } from '../domain/sampling/operations.ts'

const defaultOutputTokensMax = 1_000

/** The most output tokens that a replayed body may be answered with: its own limit, for each of the choices it asks for. What is reserved before a call. */
export function outputTokensMax(operation: Operation, body: Readonly<Record<string, unknown>>): number {
  if (operation === 'embeddings') return 0
  const named = body['max_completion_tokens'] ?? body['max_output_tokens'] ?? body['max_tokens']
  const limit = positive(named) ?? defaultOutputTokensMax
  return limit * (positive(body['n']) ?? 1)
}

/** Numbers whose digits must be kept (`1e3`) are opaque values of which only JSON knows the text. */
function positive(value: unknown): number | null {
  const number = value === undefined ? Number.NaN : Number(JSON.stringify(value))
  return number > 0 && Number.isFinite(number) ? number : null
}
