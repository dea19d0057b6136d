import { onlyDeciding } from '../../services/domain/gate/sample-evidence.ts'
import type { SuperiorityView } from '../../services/domain/gate/superiority.ts'
import type { Cell } from './cell.ts'
import { type Draw, normal } from './draws.ts'
import type { LegChange } from './traffic.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

const calibrationPairs = 100
const rate = { role: 'primary', mustHaveData: true, margin: { absolute: 0.12 }, assumedRate: 0.25 } as const
const lengths = { role: 'primary', harmRule: 'beyond_margin', largest: 2_048, margin: { absolute: 150 } } as const
/** Four rates and a length are primaries, within 12 points (150 tokens); a single stage of pairs, the last one before full weight. */
const plan = planOf({
  calibrationPairs,
  metrics: onlyDeciding({
    refusal: rate,
    error: rate,
    latency_over_budget: rate,
    ttft_over_budget: rate,
    output_tokens: lengths,
  }),
  stages: [{ name: 'stage', weight: '0%' }, { weight: '100%' }],
})
const claim = plan.claim ?? { alpha: Number.NaN }
const usual = 0.17
const pairsMax = 5_000

function answer(uniform: Draw, refusals = usual, tokens = 300): LegChange {
  return { refused: uniform() < refusals, outputTokens: tokens * Math.exp(0.5 * normal(uniform) - 0.125) }
}

/** What is slow, late to begin or broken, each by itself. */
function call(uniform: Draw): LegChange {
  if (uniform() < usual) return { resolution: 'failed' }
  return { durationMs: uniform() < usual ? 40_000 : 8_000, ttftMs: uniform() < usual ? 7_000 : 300 }
}

/** Pairs of a stage until each primary has come to its last look: what the gate then says of each. */
function claims(uniform: Draw, candidate: () => LegChange): readonly SuperiorityView[] {
  const run = new VirtualRun(plan, 0)
  for (let i = 0; i < calibrationPairs; i += 1) {
    run.pair('aa', `aa-${i}`, answer(uniform), answer(uniform))
    run.wait(250)
  }
  for (let i = 0; i < pairsMax; i += 1) {
    run.pair('content_ab', `session-${i}`, answer(uniform), candidate())
    run.pair('shadow_ab', `session-${i}`, call(uniform), call(uniform))
    run.wait(250)
    if (i % 20 !== 0) continue
    const told = run.judge().metrics.flatMap(({ superiority }) => superiority ?? [])
    if (told.length > 0) return told
  }
  throw new Error(`no claim was asked within ${pairsMax} pairs`)
}

const none = (uniform: Draw) => claims(uniform, () => answer(uniform))

/** What a last stage may call better. */
export const claimCells: readonly Cell[] = [
  {
    name: 'claim/none-better',
    world:
      'five primaries (four rates, a length), none better, at the last look of the last stage: any is called better',
    aim: { kind: 'share-at-most', share: 0.025 },
    plan,
    shortRuns: 20,
    run: (uniform) => (none(uniform).some(({ better }) => better) ? 1 : 0),
  },
  {
    name: 'naive/claim-without-holm',
    dataOf: 'claim/none-better',
    world: 'the data of claim/none-better, but each primary by itself at 2.5 %: any is called better',
    aim: { kind: 'share-at-least', share: 0.05 },
    plan: null,
    shortRuns: 20,
    run: (uniform) => (none(uniform).some(({ p }) => p <= claim.alpha) ? 1 : 0),
  },
  {
    name: 'claim/one-better',
    world: 'the same five, refusals 5 instead of 17 %: that they are better is claimed',
    aim: { kind: 'share-at-least', share: 0.8 },
    plan,
    shortRuns: 10,
    run: (uniform) => (claims(uniform, () => answer(uniform, 0.05)).some(({ better }) => better) ? 1 : 0),
  },
]
