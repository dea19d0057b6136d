import type { BacktestEvent, BacktestRun } from './run-backtest.ts'

/** How often a policy did one thing over many orders of the same exchanges, and after how many pairs when it did. */
export interface OutcomeSummary {
  readonly outcome: BacktestEvent['outcome']
  readonly runs: number
  readonly pairsMedian: number | null
  readonly pairsWorst: number | null
}

export interface ShuffleSummary {
  readonly runs: number
  readonly outcomes: readonly OutcomeSummary[]
  /** Runs in which it neither rolled back, nor asked a person, nor permitted an advance. */
  readonly held: number
  /** Harm tests that rolled back, the most frequent first. */
  readonly tests: readonly { readonly test: string; readonly runs: number }[]
}

const outcomes = ['rollback', 'review', 'advance'] as const

/** Pairs until a run did something for the first time; null when it never did. */
export function pairsUntil(run: BacktestRun, outcome: BacktestEvent['outcome']): number | null {
  return run.events.find((event) => event.outcome === outcome)?.pair ?? null
}

/** Counts, medians (the lower one of an even number) and worst cases over the runs that came to it. */
export function summarise(runs: readonly BacktestRun[]): ShuffleSummary {
  const tests = new Map<string, number>()
  for (const { events } of runs) {
    const test = events.find((event) => event.outcome === 'rollback')?.test
    if (test != null) tests.set(test, (tests.get(test) ?? 0) + 1)
  }
  return {
    runs: runs.length,
    outcomes: outcomes.map((outcome) => {
      const pairs = runs.flatMap((run) => pairsUntil(run, outcome) ?? []).sort((a, b) => a - b)
      return {
        outcome,
        runs: pairs.length,
        pairsMedian: pairs[(pairs.length - 1) >> 1] ?? null,
        pairsWorst: pairs.at(-1) ?? null,
      }
    }),
    held: runs.filter((run) => run.events.length === 0).length,
    tests: [...tests].map(([test, count]) => ({ test, runs: count })).sort((a, b) => b.runs - a.runs),
  }
}

/** In how many orders the first policy rolled back with fewer pairs than the second, with as many, and with more; never counts as most. */
export function compareRollbacks(
  first: readonly BacktestRun[],
  second: readonly BacktestRun[],
): { readonly sooner: number; readonly same: number; readonly later: number } {
  const pairs = (runs: readonly BacktestRun[]) =>
    runs.map((run) => pairsUntil(run, 'rollback') ?? Number.POSITIVE_INFINITY)
  const other = pairs(second)
  const signs = pairs(first).map((n, index) => {
    const against = other[index] ?? Number.POSITIVE_INFINITY
    return n < against ? -1 : n > against ? 1 : 0
  })
  const count = (sign: number) => signs.filter((found) => found === sign).length
  return { sooner: count(-1), same: count(0), later: count(1) }
}
