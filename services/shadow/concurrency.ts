/**
 * How many shadow calls may run at once. Grows by one a second while the baseline answers as fast as usual, halves at once when its time to
 * first token rises above `slowdownMax` times its own long-run level, and drops to zero while the baseline's rate limit is nearly used up.
 * Additive increase and multiplicative decrease, as in TCP (Chiu & Jain 1989).
 */
export interface ConcurrencyState {
  readonly limit: number
  /** Exponentially weighted means of the baseline's time to first token, ms: fast one over about 20 answers, slow one over about 500. */
  readonly recentMs: number | null
  readonly usualMs: number | null
  readonly samples: number
  readonly quotaLow: boolean
  readonly changedAtMs: number
}

export interface ConcurrencyPolicy {
  readonly max: number
  readonly slowdownMax: number
  /** Slower by less than this is noise, ms. */
  readonly toleranceMs: number
  /** Share of the provider's rate limit that must stay free for live traffic. */
  readonly quotaFloor: number
}

const recentWeight = 1 / 20
const usualWeight = 1 / 500
const samplesMin = 50
const stepMs = 1_000

export function createConcurrency(policy: ConcurrencyPolicy): ConcurrencyState {
  return { limit: policy.max, recentMs: null, usualMs: null, samples: 0, quotaLow: false, changedAtMs: 0 }
}

/** Takes one live baseline answer into account. `ttftMs` null: it had none. */
export function observeBaseline(
  state: ConcurrencyState,
  policy: ConcurrencyPolicy,
  answer: { readonly ttftMs: number | null; readonly quotaRemaining: number | null },
  monoMs: number,
): ConcurrencyState {
  const quotaLow = answer.quotaRemaining === null ? state.quotaLow : answer.quotaRemaining < policy.quotaFloor
  if (answer.ttftMs === null) return { ...state, quotaLow }
  const recentMs = blend(state.recentMs, answer.ttftMs, recentWeight)
  const usualMs = blend(state.usualMs, answer.ttftMs, Math.max(usualWeight, 1 / (state.samples + 1)))
  const next = { ...state, recentMs, usualMs, samples: state.samples + 1, quotaLow }
  if (monoMs - state.changedAtMs < stepMs) return next
  const suffers = next.samples >= samplesMin && recentMs > usualMs * policy.slowdownMax + policy.toleranceMs
  const limit = suffers ? Math.max(1, Math.floor(state.limit / 2)) : Math.min(policy.max, state.limit + 1)
  return { ...next, limit, changedAtMs: monoMs }
}

/** Calls that may run now. */
export function allowedCalls(state: ConcurrencyState): number {
  return state.quotaLow ? 0 : state.limit
}

function blend(mean: number | null, value: number, weight: number): number {
  return mean === null ? value : mean + weight * (value - mean)
}
