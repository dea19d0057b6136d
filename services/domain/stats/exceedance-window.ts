import { binomialSfGe } from './special-functions/binomial.ts'

/** Requests and those over budget in one sub-window. */
export interface WindowCount {
  readonly n: number
  readonly over: number
}

const sharePermitted = 0.01
const subWindowsOverMin = 0.8

/**
 * "p99 over budget" as P(latency > budget) > 1 %: breached when the exact binomial tail of all sub-windows together is at most α and at least four of
 * five sub-windows lie above 1 % each. Fewer than `countMin` requests in all say nothing. The literal "p99 of each minute above budget" fires on most
 * healthy days.
 */
export function exceedanceBreached(
  windows: readonly WindowCount[],
  policy: { readonly alpha: number; readonly countMin: number },
): boolean {
  const n = windows.reduce((sum, window) => sum + window.n, 0)
  const over = windows.reduce((sum, window) => sum + window.over, 0)
  if (n < policy.countMin || windows.length === 0) return false
  const above = windows.filter((window) => window.over > sharePermitted * window.n).length
  return above >= Math.ceil(subWindowsOverMin * windows.length) && binomialSfGe(over, n, sharePermitted) <= policy.alpha
}
