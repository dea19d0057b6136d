import { addBet, type BettingSegment, emptyBetting, logBettingE } from '../stats/betting-e.ts'
import { towardsHarm } from './harm-segment.ts'
import { marginValue } from './margin-value.ts'
import type { AdvanceTest, Frozen } from './plan.ts'

/** The two outcomes of a pair: 0 or 1, or amounts. */
export interface OutcomePair {
  readonly baseline: number
  readonly candidate: number
}

/** Candidate − baseline with its standard error, from n units (pairs, or units of the candidate). */
export interface DifferenceEstimate {
  readonly difference: number
  readonly error: number
  readonly n: number
}

/** Pairs of amounts of one advance test: sums over each side and of the squared differences, and the bet against H0. Plain data. */
export interface AmountPairs {
  n: number
  baseline: number
  candidate: number
  squares: number
  readonly betting: BettingSegment
  /** Of a question that carries a claim: the bet against "no better", and its largest ln E. */
  better?: { readonly betting: BettingSegment; logBest: number }
}

/** What an advance test about an amount knows in one stage entry. Plain data. */
export interface AmountState {
  /** Absent of yes/no outcomes, and before the first pair. */
  amounts?: AmountPairs
  /** Pairs of amounts on which the test passed; absent before that. */
  passedAmounts?: number
  passed: boolean
  /** The difference at the moment that passed: what comes after is not what the permission rests on. */
  passedWith: DifferenceEstimate | null
}

/**
 * Takes a pair of amounts and bets against H0: Δ ≥ M, that the candidate is worse by its margin or more. Differences are of amounts cut at the declared
 * largest one, so they are bounded and the bet is valid for every distribution and at every record. A t test is not: where tails
 * are heavy it passes up to every second candidate that is worse by its margin (ADR 15). False, and nothing taken, while what the margin is relative to has not been frozen.
 */
export function addAmounts(test: AdvanceTest, state: AmountState, frozen: Frozen | null, pair: OutcomePair): boolean {
  const margin = marginValue(test, frozen)
  const { largest } = test
  if (margin === null || largest === undefined) return false
  state.amounts ??= { n: 0, baseline: 0, candidate: 0, squares: 0, betting: emptyBetting() }
  const baseline = Math.min(pair.baseline, largest)
  const candidate = Math.min(pair.candidate, largest)
  const { amounts } = state
  amounts.n += 1
  amounts.baseline += baseline
  amounts.candidate += candidate
  amounts.squares += (candidate - baseline) ** 2
  // On [0, 1], where larger is less harm: the null mean is that of a difference of M.
  const x = (1 - towardsHarm(test, candidate - baseline) / largest) / 2
  addBet(amounts.betting, x, (1 - Math.min(margin / largest, 0.999)) / 2, test.alpha)
  if (test.claims === true) betOnBetter(test, amounts, x)
  return true
}

/** Against H0: Δ ≥ 0, on the same scale. Valid whenever it is read, so it runs on after the pass, which asks for far fewer pairs than "better" does. */
function betOnBetter(test: AdvanceTest, amounts: AmountPairs, x: number): void {
  amounts.better ??= { betting: emptyBetting(), logBest: 0 }
  addBet(amounts.better.betting, x, 0.5, test.alpha)
  amounts.better.logBest = Math.max(amounts.better.logBest, logBettingE(amounts.better.betting))
}

/** Passes with the first record at which E ≥ 1/α (Ville): no look is spent, so there is no last one. A pass stays. */
export function passIfProven(test: AdvanceTest, state: AmountState, unitsMin: number): void {
  if (state.passed || !isProven(test, state) || (state.amounts?.n ?? 0) < unitsMin) return
  state.passed = true
  state.passedAmounts = state.amounts?.n ?? 0
  state.passedWith = amountsDifference(state)
}

function isProven(test: AdvanceTest, { amounts }: AmountState): boolean {
  return amounts !== undefined && logBettingE(amounts.betting) >= -Math.log(test.alpha)
}

/**
 * Takes all pairs anew after one of them was corrected. A pass must hold on the corrected pairs it rested on, else it is taken back; a later record may pass.
 */
export function retakeAmounts(
  test: AdvanceTest,
  state: AmountState,
  frozen: Frozen | null,
  pairs: readonly OutcomePair[],
): void {
  const passedOn = state.passed ? (state.passedAmounts ?? 0) : null
  delete state.amounts
  for (const [index, pair] of pairs.entries()) {
    addAmounts(test, state, frozen, pair)
    if (index + 1 !== passedOn) continue
    state.passed = isProven(test, state)
    state.passedWith = state.passed ? amountsDifference(state) : null
  }
  if (!state.passed) delete state.passedAmounts
}

/** Mean difference, candidate − baseline, its sample variance and error; null before two pairs or without any spread. */
export function amountsDifference({ amounts }: AmountState): DifferenceEstimate | null {
  const variance = varianceOf(amounts)
  if (amounts === undefined || variance === 0) return null
  const { n, baseline, candidate } = amounts
  return { difference: (candidate - baseline) / n, error: Math.sqrt(variance / n), n }
}

function varianceOf(amounts: AmountPairs | undefined): number {
  if (amounts === undefined || amounts.n < 2) return 0
  const { n, baseline, candidate, squares } = amounts
  return Math.max(0, (squares - (candidate - baseline) ** 2 / n) / (n - 1))
}

/**
 * Pairs after which a candidate that is as good as the baseline has passed with the plan's power: of the sum of bets, which for the best bet is near a normal
 * walk, I·s²/M² with √I = z_β + √(z_β² + 2 ln 1/α); and 2 U/M · ln 1/α more, since no bet may lose all on a difference of U.
 * @param variance of a difference, in squared margins; @param reach the largest amount U, in margins
 */
export function amountPairs(informationFixed: number, alpha: number, variance: number, reach: number): number {
  return Math.ceil(informationFixed * variance + 2 * reach * Math.log(1 / alpha))
}

/** The same at the spread seen so far; the forecast before there is any. */
export function amountPairsRequired(test: AdvanceTest, state: AmountState, frozen: Frozen | null): number {
  const margin = marginValue(test, frozen)
  if (margin === null || state.amounts === undefined || state.amounts.n < 2) return test.requiredUnits
  const { informationFixed, alpha, largest } = test
  return amountPairs(informationFixed, alpha, varianceOf(state.amounts) / margin ** 2, (largest ?? 0) / margin)
}

/** E against H0: Δ ≥ M; null before the first pair. */
export function amountsEvidence({ amounts }: AmountState): number | null {
  return amounts === undefined ? null : Math.exp(Math.min(logBettingE(amounts.betting), 700))
}
