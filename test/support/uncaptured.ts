import type { SeenExchange } from '../../scripts/demo/traffic.ts'

/** A gateway that is killed has not sent what it saw last: the live path never waits for the tap. */
export const tapLagMs = 2_000

/** Time in which what a gateway had answered may not have been sent yet when it was killed. */
export interface Unsent {
  readonly fromMs: number
  readonly toMs: number
}

/** What a gateway killed at this time, with the broker at hand, may have kept to itself. */
export function unsentAtKill(atMs: number): Unsent {
  return { fromMs: atMs - tapLagMs, toMs: atMs + 100 }
}

/** Answers that callers got and the log does not know: `unsent` of them within such a time, the others are lost. */
export function uncaptured(
  seen: readonly SeenExchange[],
  captured: ReadonlySet<unknown>,
  times: readonly Unsent[],
): { readonly answered: number; readonly missing: number; readonly unsent: number } {
  const answered = seen.filter(({ id, status }) => id !== null && status !== null && status < 400)
  const missing = answered.filter(({ id }) => !captured.has(id))
  const unsent = missing.filter(({ endedAtMs }) =>
    times.some(({ fromMs, toMs }) => endedAtMs > fromMs && endedAtMs <= toMs),
  )
  return { answered: answered.length, missing: missing.length, unsent: unsent.length }
}
