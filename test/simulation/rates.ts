import { expect } from 'vitest'
import { binomialSfGe } from '../../services/domain/stats/special-functions/binomial.ts'
import { clopperPearson } from '../../services/domain/stats/unpaired/proportion-interval.ts'

/** How many of `runs` seeded runs end in what is counted. */
export function countRuns(runs: number, isCounted: (seed: number) => boolean): number {
  let counted = 0
  for (let seed = 1; seed <= runs; seed += 1) if (isCounted(seed)) counted += 1
  return counted
}

/** Fails when `fired` of `runs` is more than chance allows at a true rate of `rate` (one-sided binomial test at 1 in 1,000); prints its upper 95 % limit. */
export function expectAtMost(rate: number, fired: number, runs: number, what: string): void {
  const { upperOneSided } = clopperPearson({ events: fired, n: runs, alpha: 0.05 })
  console.info(`${what}: ${fired} of ${runs} runs, upper 95 % limit ${(100 * upperOneSided).toFixed(1)} %`)
  expect(binomialSfGe(fired, runs, rate), `${what}: ${fired} of ${runs} runs`).toBeGreaterThan(1e-3)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
