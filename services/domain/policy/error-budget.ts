import { familyAlpha } from '../gate/compile-plan.ts'
import type { AnalysisPlan, HarmTest } from '../gate/plan.ts'
import { betaOfQuestion, gateCount, isDeciding } from '../gate/power-split.ts'
import type { RolloutSpec } from '../rollout/spec.ts'

/** Every way in which a run may err, enumerated before its first record; α and β are chances over the whole run. */
export interface ErrorBudget {
  /** Taking back a harmless candidate, or asking a person about one: the sum over all tests is at most `limit`, by Bonferroni. */
  readonly falseAlarm: {
    readonly limit: number
    readonly total: number
    readonly families: readonly {
      readonly family: HarmTest['family']
      /** What the family may spend; it spends nothing without a test. */
      readonly limit: number
      readonly total: number
      readonly tests: readonly {
        readonly id: string
        readonly alpha: number
        readonly onBreach: HarmTest['onBreach']
      }[]
    }[]
  }
  /**
   * Promoting an unacceptable candidate in any wave. Within a wave every question is asked at the wave's α, undivided, since it must pass all of them. Waves
   * in a fixed sequence have all of α each; side by side each has `alpha / waves` (Bonferroni), which is `each`.
   */
  readonly falsePromotion: {
    readonly alpha: number
    readonly each: number
    readonly questions: number
    readonly waves: 'fixed_sequence' | 'bonferroni'
  }
  /** Calling any primary better which is not, by Holm over the primaries; side by side each wave has `each`. Null where no primary decides. */
  readonly falseClaim: { readonly alpha: number; readonly each: number; readonly primaries: number } | null
  /** Not promoting a harmless candidate: the total is divided over deciding metrics × gates (and slices where it must be, see `betaOfQuestion`). */
  readonly miss: {
    readonly total: number
    readonly metrics: number
    readonly gates: number
    readonly each: number
  }
  /** What may stop a run and is no part of these sums. */
  readonly outside: readonly string[]
}

const outside: readonly string[] = [
  'review after "worse within the margin" or a trade-off',
  'review after drift over stages (5 % of gates at most); drift over hours is shown alone',
  'holds: split, completeness, calibration, limits, incidents',
  'what a person promotes or approves against a verdict',
]

/**
 * The budget of a compiled plan.
 * @throws RangeError when a family or the whole spends more than it has: such a plan must not run
 */
export function errorBudget(spec: RolloutSpec, plan: AnalysisPlan): ErrorBudget {
  const families = (Object.keys(familyAlpha) as HarmTest['family'][]).map((family) => {
    const tests = plan.harm
      .filter((test) => test.family === family)
      .map(({ id, alpha, onBreach }) => ({ id, alpha, onBreach }))
    return { family, limit: familyAlpha[family], total: sum(tests.map(({ alpha }) => alpha)), tests }
  })
  const budget = {
    limit: sum(Object.values(familyAlpha)),
    total: sum(families.map(({ total }) => total)),
  }
  for (const { family, total, limit } of [...families, { family: 'all families', ...budget }])
    if (total > limit * (1 + 1e-9)) throw new RangeError(`${family}: tests spend ${total}, the budget is ${limit}`)
  const metrics = spec.metrics.filter(isDeciding).length
  const gates = gateCount(spec)
  const each = Math.max(0, ...plan.advance.map(({ alpha }) => alpha))
  return {
    falseAlarm: { ...budget, families },
    falsePromotion: {
      alpha: each * (plan.wavesTogether ?? 1),
      each,
      questions: plan.advance.length,
      waves: plan.wavesTogether === undefined ? 'fixed_sequence' : 'bonferroni',
    },
    falseClaim: claimBudget(plan),
    miss: { total: spec.betaTotal, metrics, gates, each: betaOfQuestion({ ...spec, alphaAdvance: each }, plan.looks) },
    outside,
  }
}

function claimBudget({ claim, advance, wavesTogether }: AnalysisPlan): ErrorBudget['falseClaim'] {
  if (claim === undefined) return null
  const primaries = new Set(advance.flatMap(({ claims, metric }) => (claims === true ? [metric] : []))).size
  return { alpha: claim.alpha * (wavesTogether ?? 1), each: claim.alpha, primaries }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
