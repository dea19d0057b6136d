import { requireCounts, requireWithin } from '../stats-error.ts'

/** What is known of one judge: its prompt and model version are part of the key, so a change begins anew. */
export interface JudgeRecord {
  /** Pairs that people labelled too. */
  readonly labels: number
  /** Lower 95 % limit of κ between judge and people. */
  readonly kappaLower: number
  readonly kappa: number
  /** κ between two people; null when nobody labelled twice. */
  readonly humanKappa: number | null
  /** Share of pairs with the same winner in both orders. */
  readonly consistency: number
  /** Share of the decisive calls, both orders together, that the answer shown first won (`winRate`); null when none was decisive. */
  readonly firstShare: number | null
}

export type JudgeFault = 'few_labels' | 'low_agreement' | 'below_people' | 'inconsistent' | 'position_bias'

const labelsMin = 200
const kappaLowerMin = 0.4
const belowPeopleMax = 0.1
const consistencyMin = 0.7
const firstShares = [0.4, 0.6] as const

/**
 * Whether a judge may feed a gate, by the house rules of statistics.md 3 (not literature): 200 labelled pairs, lower limit of κ at least .4, κ no more
 * than .1 below that between people, the same winner in both orders in 70 % of pairs, first-position share within [.4, .6]. Every fault is named; any
 * fault means the judge's metric goes to a person. κ between people that is not known is no fault: the other limits stand.
 */
export function judgeFaults(record: JudgeRecord): readonly JudgeFault[] {
  const { labels, kappa, kappaLower, humanKappa, consistency, firstShare } = record
  requireCounts({ labels })
  requireWithin({ kappa, kappaLower, humanKappa: humanKappa ?? 0 }, -1, 1)
  requireWithin({ consistency, firstShare: firstShare ?? 0.5 }, 0, 1)
  const share = firstShare ?? 0.5
  const rules: readonly (readonly [JudgeFault, boolean])[] = [
    ['few_labels', labels < labelsMin],
    ['low_agreement', kappaLower < kappaLowerMin],
    ['below_people', humanKappa !== null && kappa < humanKappa - belowPeopleMax],
    ['inconsistent', consistency < consistencyMin],
    ['position_bias', share < firstShares[0] || share > firstShares[1]],
  ]
  return rules.filter(([, broken]) => broken).map(([fault]) => fault)
}
