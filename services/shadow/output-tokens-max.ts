const defaultOutputTokensMax = 1_000

/** The most output tokens that a replayed body may be answered with: its own limit, for each of the choices it asks for. What is reserved before a call. */
export function outputTokensMax(body: Readonly<Record<string, unknown>>): number {
  const limit = positive(body['max_completion_tokens'] ?? body['max_tokens']) ?? defaultOutputTokensMax
  return limit * (positive(body['n']) ?? 1)
}

/** Numbers whose digits must be kept (`1e3`) are opaque values of which only JSON knows the text. */
function positive(value: unknown): number | null {
  const number = value === undefined ? Number.NaN : Number(JSON.stringify(value))
  return number > 0 && Number.isFinite(number) ? number : null
}
