import { onlyDeciding } from '../../services/domain/gate/sample-evidence.ts'
import { normalCdf, normalQuantile } from '../../services/domain/stats/special-functions/normal.ts'
import type { Cell } from './cell.ts'
import { type Draw, normal } from './draws.ts'
import { addMoment, emptyMoments } from './moments.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

const calibrationPairs = 200
const largest = 16_384
const usual = 300
const margin = 150
/** Lengths of answers alone decide, within half of their usual mean, so that a run stays short. Absolute: a relative margin is what calibration froze. */
const plan = planOf({
  calibrationPairs,
  metrics: onlyDeciding({
    output_tokens: { role: 'guardrail', harmRule: 'beyond_margin', largest, margin: { absolute: margin } },
  }),
})
const test = 'all/1/advance/shadow/output_tokens/content_ab'
/** Pairs told at most; at a quarter of a second each a run lasts a quarter of an hour. */
const pairsMax = 4_000

/** Lognormal with this mean. */
function skewed(uniform: Draw, mean: number, deviation: number): number {
  return mean * Math.exp(deviation * normal(uniform) - deviation ** 2 / 2)
}

/** Mean of a lognormal whose values above the largest amount count as that (limited expected value; Klugman, Panjer & Willmot, Loss Models, app. A). */
function cutMean(mean: number, deviation: number): number {
  const mu = Math.log(mean) - deviation ** 2 / 2
  const z = (Math.log(largest) - mu) / deviation
  return mean * normalCdf(z - deviation) + largest * (1 - normalCdf(z))
}

/** What makes `meanOf`, which grows, equal to `goal`. */
function solved(goal: number, meanOf: (scale: number) => number): number {
  let [low, high] = [1, 1_000]
  for (let step = 0; step < 60; step += 1) {
    const middle = Math.sqrt(low * high)
    if (meanOf(middle) < goal) low = middle
    else high = middle
  }
  return high
}

/** Two answers to the same request, in tokens; `isWorse`: the second is the candidate's, longer by the margin, else a second one of the baseline. */
type Answers = (uniform: Draw, isWorse: boolean) => readonly [number, number]

/** A request asks for long or short answers; each answer varies around that. */
const total = Math.hypot(1.2, 0.9)
const longer = solved(cutMean(usual, total) + margin, (scale) => cutMean(scale * usual, total))
const alike: Answers = (uniform, isWorse) => {
  const asked = skewed(uniform, usual, 1.2)
  return [skewed(uniform, asked, 0.9), skewed(uniform, (isWorse ? longer : 1) * asked, 0.9)]
}

const spread = solved(usual + margin, (scale) => cutMean(scale * usual, 1.5))
const oneHeavyArm: Answers = (uniform, isWorse) => [
  skewed(uniform, usual, 0.1),
  isWorse ? skewed(uniform, spread * usual, 1.5) : skewed(uniform, usual, 0.1),
]

const ordinary = Math.hypot(0.5, 0.3)
const runaway = solved(
  cutMean(usual, ordinary) + margin,
  (scale) => 0.98 * cutMean(usual, ordinary) + 0.02 * cutMean(scale * usual, ordinary),
)
const runaways: Answers = (uniform, isWorse) => {
  const asked = skewed(uniform, usual, 0.5)
  const times = isWorse && uniform() < 0.02 ? runaway : 1
  return [skewed(uniform, asked, 0.3), skewed(uniform, times * asked, 0.3)]
}

/** Calibrates on two answers of the baseline, then feeds pairs until the question has passed (1) or they are at their end (0). */
function passes(uniform: Draw, answers: Answers, isWorse: boolean): number {
  const run = new VirtualRun(plan, 0)
  const tell = (comparison: 'aa' | 'content_ab', unit: string, worse: boolean) => {
    const [first, second] = answers(uniform, worse)
    run.pair(comparison, unit, { outputTokens: first }, { outputTokens: second })
    run.wait(250)
  }
  for (let i = 0; i < calibrationPairs; i += 1) tell('aa', `aa-${i}`, false)
  for (let i = 0; i < pairsMax; i += 1) {
    tell('content_ab', `session-${i}`, isWorse)
    if (run.gate.advance.get(test)?.passed === true) return 1
  }
  return 0
}

/** The same pairs told to a t test at the four looks of a stage, when the information n·M²/s² has come to their share of what 80 % power needs. */
function passesByT(uniform: Draw, answers: Answers): number {
  for (let i = 0; i < calibrationPairs; i += 1) answers(uniform, false)
  const fixed = (normalQuantile(1 - 0.05) + normalQuantile(0.8)) ** 2
  const differences = emptyMoments()
  let taken = 0
  for (let i = 0; i < pairsMax; i += 1) {
    const [first, second] = answers(uniform, true)
    addMoment(differences, Math.min(second, largest) - Math.min(first, largest))
    const look = plan.looks[taken]
    if (look === undefined) return 0
    const error = Math.sqrt(differences.squares / (differences.n - 1) / differences.n)
    const due = (look.fraction * fixed) / (plan.looks[0]?.fraction ?? 1)
    if (differences.n < plan.unitsMin || (margin / error) ** 2 < due) continue
    taken += 1
    if ((differences.mean - margin) / error <= -look.bound) return 1
  }
  return 0
}

const unfit = { kind: 'share-at-most', share: 0.05 } as const
const worlds: readonly (readonly [name: string, world: string, answers: Answers])[] = [
  ['at-margin', 'lengths, lognormal with sd 1.5, truly longer by the margin', alike],
  [
    'one-heavy-arm',
    'lengths that hardly vary against lognormal ones with sd 1.5, truly longer by the margin',
    oneHeavyArm,
  ],
  ['runaways', 'one answer in fifty runs away, so that the mean is longer by the margin', runaways],
]

/** Amounts: non-inferiority of their means, where tails are heavy. */
export const amountCells: readonly Cell[] = [
  ...worlds.map(
    ([name, world, answers]): Cell => ({
      name: `advance/amount-${name}`,
      world: `${world}: passes a gate within ${pairsMax} pairs`,
      aim: unfit,
      plan,
      shortRuns: 4,
      run: (uniform) => passes(uniform, answers, true),
    }),
  ),
  ...worlds.map(
    ([name, , answers]): Cell => ({
      name: `naive/amount-${name}-t-test`,
      dataOf: `advance/amount-${name}`,
      world: `the data of advance/amount-${name}, but a t test at four looks: passes a gate`,
      aim: { kind: 'share-at-least', share: 0.1 },
      plan: null,
      shortRuns: 20,
      run: (uniform) => passesByT(uniform, answers),
    }),
  ),
  {
    name: 'advance/amount-harmless',
    world: `lengths, lognormal with sd 1.5, harmless: passes a gate within ${pairsMax} pairs`,
    aim: { kind: 'share-at-least', share: 0.8 },
    plan,
    shortRuns: 4,
    run: (uniform) => passes(uniform, alike, false),
  },
]
