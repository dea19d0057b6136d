import { mcnemarMidP } from '../paired/mcnemar.ts'
import { requireCounts } from '../stats-error.ts'

type Winner = 'candidate' | 'baseline' | 'tie'
type SwapCell = `${Winner}/${Winner}`

/** Pairs by (winner when the candidate is shown first / winner when it is shown second). */
export type SwapTable = Readonly<Record<SwapCell, number>>

const winners = ['candidate', 'baseline', 'tie'] as const

/**
 * Win rate of a judge asked twice a pair, once in each order. A win or loss counts only if both orders agree, all else is a tie (Zheng et al. 2023):
 * ŵ = (W + T/2)/n, se = √((W/n + T/4n − ŵ²)/n). `averaged` scores each pair by the mean of both orders (½ for contradiction, ¼ or ¾ where one order is
 * a tie) and is what is analysed. `consistency` = share of pairs judged alike, `firstShare` = share of decisive calls won by the answer shown first;
 * sign test on (W, L) by mid-p. Without pairs all rates are null, without a decisive call `firstShare` is.
 */
export function winRate(table: SwapTable): {
  readonly n: number
  readonly wins: number
  readonly ties: number
  readonly losses: number
  readonly winRate: number | null
  readonly error: number | null
  readonly averaged: number | null
  readonly consistency: number | null
  readonly firstShare: number | null
  readonly netWin: number | null
  readonly signTestMidP: number
} {
  const score = { candidate: 1, tie: 0.5, baseline: 0 }
  let n = 0
  let points = 0
  let alike = 0
  let firstWins = 0
  let decisive = 0
  for (const shownFirst of winners) {
    for (const shownSecond of winners) {
      const cell: SwapCell = `${shownFirst}/${shownSecond}`
      const count = table[cell]
      requireCounts({ [cell]: count })
      n += count
      points += (count * (score[shownFirst] + score[shownSecond])) / 2
      if (shownFirst === shownSecond) alike += count
      firstWins += count * (Number(shownFirst === 'candidate') + Number(shownSecond === 'baseline'))
      decisive += count * (Number(shownFirst !== 'tie') + Number(shownSecond !== 'tie'))
    }
  }
  const wins = table['candidate/candidate']
  const losses = table['baseline/baseline']
  const ties = n - wins - losses
  const share = (part: number, whole: number) => (whole === 0 ? null : part / whole)
  return {
    n,
    wins,
    ties,
    losses,
    winRate: share(wins + ties / 2, n),
    error: n === 0 ? null : winRateError({ wins, ties, losses }),
    averaged: share(points, n),
    consistency: share(alike, n),
    firstShare: share(firstWins, decisive),
    netWin: share(wins - losses, n),
    signTestMidP: mcnemarMidP({ onlyCandidate: wins, onlyBaseline: losses }),
  }
}

/** √((w + t/4 − ŵ²)/n), written as a sum of products so that it is exactly 0 when all pairs agree. */
function winRateError({
  wins,
  ties,
  losses,
}: {
  readonly wins: number
  readonly ties: number
  readonly losses: number
}) {
  const n = wins + ties + losses
  const w = wins / n
  const t = ties / n
  const l = losses / n
  return Math.sqrt((w * l + (t * (w + l)) / 4) / n)
}

/**
 * Position bias: sign test of "the answer shown first wins in both orders" against "the one shown second does"; without bias both are equally likely.
 * Share of the first, two-sided mid-p; share null and p = 1 when every pair is consistent.
 */
export function positionBias(input: { readonly firstWinsBoth: number; readonly secondWinsBoth: number }): {
  readonly firstShare: number | null
  readonly midP: number
} {
  const { firstWinsBoth, secondWinsBoth } = input
  requireCounts({ firstWinsBoth, secondWinsBoth })
  const total = firstWinsBoth + secondWinsBoth
  return {
    firstShare: total === 0 ? null : firstWinsBoth / total,
    midP: mcnemarMidP({ onlyCandidate: firstWinsBoth, onlyBaseline: secondWinsBoth }),
  }
}
