import type { StagePlace } from './planned-questions.ts'
import { countWithin } from './traffic-profile.ts'

/** Shadow calls and what they use. Tokens are null when the profile counts none, money also when a variant has no price. */
export interface ShadowBill {
  readonly candidateCalls: number
  /** Second baseline legs, and counterfactual ones. */
  readonly baselineCalls: number
  readonly calls: number
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly microUsd: number | null
}

/** What shadowing a wave's requests for `hours` costs: both arms are taken to need as many tokens as the profile's mean request. */
export function shadowBill(place: StagePlace, hourlyRequests: readonly number[], hours: number): ShadowBill {
  const { spec, stage, startMs, traffic } = place
  const { secondLegShare } = spec.shadow
  const weight = stage.candidateWeight / 100_000
  const requests = countWithin(hourlyRequests, startMs, hours)
  const candidateCalls = requests * (1 - weight) * meanShare(place)
  const baselineCalls = candidateCalls * secondLegShare + requests * weight * (spec.shadow.counterfactualShare ?? 0)
  const calls = candidateCalls + baselineCalls
  const tokens = traffic.tokensPerRequest
  const costOf = (variant: string, count: number): number | null => {
    const price = spec.prices[variant]
    if (count === 0) return 0
    if (price === undefined || tokens === null) return null
    const perCall =
      (tokens.input * price.inputMicroUsdPerMillion + tokens.output * price.outputMicroUsdPerMillion) / 1e6
    return count * perCall
  }
  return {
    candidateCalls,
    baselineCalls,
    calls,
    inputTokens: tokens === null ? null : calls * tokens.input,
    outputTokens: tokens === null ? null : calls * tokens.output,
    microUsd: added([costOf(spec.candidate.id, candidateCalls), costOf(spec.baseline.id, baselineCalls)]),
  }
}

/** Share of all exchanges that is shadowed: the largest share that each may claim. Segments are taken as independent of each other. */
function meanShare({ spec, traffic }: StagePlace): number {
  const all = traffic.hourlyRequests.reduce((sum, requests) => sum + requests, 0)
  const segments = Object.entries(spec.shadow.segmentShares ?? {}).sort(([, a], [, b]) => b - a)
  let left = 1
  let mean = 0
  for (const [segment, share] of segments) {
    const theirs = (traffic.segments[segment] ?? []).reduce((sum, requests) => sum + requests, 0)
    const claimed = left * (all === 0 ? 0 : Math.min(1, theirs / all))
    mean += claimed * share
    left -= claimed
  }
  return mean + left * spec.shadow.share
}

/** The sum over stages; unknown where a part is. */
export function shadowTotal(bills: readonly ShadowBill[]): ShadowBill {
  const sum = (of: (bill: ShadowBill) => number) => bills.reduce((total, bill) => total + of(bill), 0)
  return {
    candidateCalls: sum((bill) => bill.candidateCalls),
    baselineCalls: sum((bill) => bill.baselineCalls),
    calls: sum((bill) => bill.calls),
    inputTokens: added(bills.map((bill) => bill.inputTokens)),
    outputTokens: added(bills.map((bill) => bill.outputTokens)),
    microUsd: added(bills.map((bill) => bill.microUsd)),
  }
}

function added(parts: readonly (number | null)[]): number | null {
  return parts.reduce<number | null>((sum, part) => (sum === null || part === null ? null : sum + part), 0)
}
