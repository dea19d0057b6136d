import type { AnalysisPlan } from '../../services/domain/gate/plan.ts'
import { allAtOnce } from './all-at-once.ts'
import type { Cell } from './cell.ts'
import type { Draw } from './draws.ts'
import * as naive from './naive-rules.ts'
import * as worlds from './null-worlds.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** The false-rollback budget of a whole run. */
const harmless = { kind: 'share-at-most', share: 0.05 } as const
/** At least twice what a rule promises must show its mistake. */
const visibleShare = 0.1

const plan = planOf()
const byLength = {
  metrics: { length_chars: { role: 'guardrail', harmRule: 'beyond_margin', largest: 100_000 } },
} as const
const everything = {
  ...byLength,
  calibrationPairs: 200,
  statistics: { pairsPerUnitMedian: 2, inclusionMin: 0.5 },
} as const

/** A world, the gate's plan in it, and the rule that the gate does not use. */
interface NullWorld {
  readonly name: string
  readonly world: string
  readonly plan: AnalysisPlan
  readonly weight: number
  readonly tell: worlds.World
  readonly rule: naive.NaiveRuleOf
  readonly mistake: string
  /** Share of runs that the rule must stop, where that is more than in any world. */
  readonly mistakenAtLeast?: number
  /** Asks for the gate's whole answer at each look. */
  readonly judged?: true
}

const nullWorlds: readonly NullWorld[] = [
  {
    name: 'one-pair-a-session',
    world: 'equal rates, live at 10 % and in the shadow; the whole answer asked a hundred times',
    plan,
    weight: 10_000,
    tell: worlds.onePairASession,
    rule: naive.MidPAtEachLook,
    mistake: 'mid-p at 5 % at each look',
    judged: true,
  },
  {
    name: 'twenty-pairs-a-session',
    world: 'sessions of 20 pairs that lean one way (logit sd 1.2)',
    plan: planOf({ statistics: { pairsPerUnitMedian: 10 } }),
    weight: 0,
    tell: worlds.twentyPairsASession,
    rule: naive.EveryPair,
    mistake: 'every pair counts',
    mistakenAtLeast: 0.25,
  },
  {
    name: 'sticky-200-tenants',
    world: '200 sticky tenants with error rates of their own (lognormal, sd 2), some busy, share 10 then 50 %',
    plan,
    weight: 10_000,
    tell: worlds.stickyByTenant(200, 3),
    rule: naive.EveryRequest,
    mistake: 'every request counts, not every tenant',
  },
  {
    name: 'sticky-5000-tenants',
    world: 'the same with 5,000 tenants',
    plan,
    weight: 10_000,
    tell: worlds.stickyByTenant(5_000, 6),
    rule: naive.EveryRequest,
    mistake: 'every request counts, not every tenant',
  },
  {
    name: 'ties-with-late-legs',
    world: 'as many errors, at once where the baseline times out; good answers late',
    plan,
    weight: 10_000,
    tell: worlds.tiesWithLateLegs,
    rule: naive.AsLegsComplete,
    mistake: 'legs are read as they complete',
  },
  {
    name: 'corrections',
    world: 'late answers told as errors first and corrected, sixty of them in one stall',
    plan,
    weight: 0,
    tell: worlds.corrections,
    rule: naive.AsLegsComplete,
    mistake: 'what is told first counts until it is corrected',
  },
  {
    name: 'shares-and-tenants',
    world: 'shares 1, 10, 50 %, a tenant at 100 % and one at 0 %, base rate ±80 % a day',
    plan,
    weight: 1_000,
    tell: worlds.sharesAndTenants,
    rule: naive.EveryRequest,
    mistake: 'one share for everybody',
  },
  {
    name: 'oversampled-segment',
    world: 'a segment that is worse, sampled four times as often, the rest better: overall the same',
    plan: planOf({ statistics: { inclusionMin: 0.25 } }),
    weight: 0,
    tell: worlds.oversampled,
    rule: naive.EveryPair,
    mistake: 'sampled pairs count alike',
  },
  {
    name: 'skewed-scores',
    world: 'lengths of the same mean, lognormal with sd 1.5 against hardly any spread; betting guards their mean',
    plan: planOf({ ...byLength, calibrationPairs: 300 }),
    weight: 0,
    tell: worlds.skewedScores,
    rule: naive.AsymptoticMean,
    mistake: 'an asymptotic sequence at 5 %',
  },
  {
    name: 'autocorrelated-latency',
    world: 'latency with a state of minutes (AR(1), sd .3), .8 % over budget',
    plan,
    weight: 50_000,
    tell: worlds.autocorrelatedLatency,
    rule: naive.LiteralP99,
    mistake: 'p99 over budget in 5 minutes in a row',
  },
  {
    name: 'restarts',
    world: 'equal rates, fourteen deaths of the gate, back from its snapshot',
    plan,
    weight: 0,
    tell: worlds.restarts,
    rule: naive.AddedAgain,
    mistake: 'a restart adds what it reads again',
  },
  {
    name: 'recorded-trials',
    world:
      'recorded trials of one agent on 50 tau-bench tasks, two by two with the arms swapped by chance, 5,000 pairs',
    plan,
    weight: 0,
    tell: worlds.recordedTrials,
    rule: naive.MidPAtEachLook,
    mistake: 'mid-p at 5 % at each look',
  },
  {
    name: 'all-at-once',
    world: 'everything above at once, in a third attempt',
    plan: planOf(everything, 3),
    weight: 1_000,
    tell: allAtOnce,
    rule: naive.EveryRequest,
    mistake: 'every request counts, with one share for everybody',
  },
]

/** Worlds in which the candidate is no worse: what rolls back there is false. */
export const nullCells: readonly Cell[] = nullWorlds.map(({ name, world, plan, weight, tell, judged }) => ({
  name: `null/${name}`,
  world: `${world}: rolled back`,
  aim: harmless,
  plan,
  shortRuns: 10,
  run: (uniform) => {
    const run = new VirtualRun(plan, weight, { judgesAtLooks: judged ?? false })
    tell(uniform, run)
    run.settle()
    return run.stopped || run.judge().outcome === 'rollback' ? 1 : 0
  },
}))

const naiveRules = [
  ...nullWorlds.map((world) => ({ ...world, dataOf: world.name })),
  ...nullWorlds
    .filter(({ name }) => name === 'shares-and-tenants')
    .map((world) => ({
      ...world,
      dataOf: world.name,
      name: 'raw-rates',
      rule: naive.RawRates,
      mistake: "each arm's errors over its requests, all stages together",
    })),
]

/** The same worlds, drawn from the same seeds, read by a rule with one mistake. */
export const naiveCells: readonly Cell[] = naiveRules.map(({ rule: Rule, ...world }) => ({
  name: `naive/${world.name}`,
  dataOf: `null/${world.dataOf}`,
  world: `the data of null/${world.dataOf}, but ${world.mistake}: stopped`,
  aim: { kind: 'share-at-least', share: world.mistakenAtLeast ?? visibleShare },
  plan: null,
  shortRuns: 40,
  run: (uniform) => {
    const rule = new Rule(world.weight)
    world.tell(uniform, rule)
    return rule.stopped ? 1 : 0
  },
}))

/** 20,000 pairs at a discordance of 6 %, mid-p at 5 % at each of a hundred looks. */
function peeking(uniform: Draw): number {
  let [onlyCandidate, onlyBaseline] = [0, 0]
  for (let i = 1; i <= 20_000; i += 1) {
    const drawn = uniform()
    if (drawn < 0.03) onlyCandidate += 1
    else if (drawn < 0.06) onlyBaseline += 1
    if (i % 200 === 0 && naive.midP(onlyCandidate, onlyBaseline) <= 0.05) return 1
  }
  return 0
}

export const peekingCell: Cell = {
  name: 'naive/peeking',
  world: '20,000 harmless pairs at ψ = .06, mid-p at 5 % at each of 100 looks: stopped',
  aim: { kind: 'share-at-least', share: 0.25 },
  plan: null,
  shortRuns: 40,
  run: peeking,
}
