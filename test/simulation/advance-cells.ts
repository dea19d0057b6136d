import type { AnalysisPlan } from '../../services/domain/gate/plan.ts'
import { onlyDeciding, refusalDecides } from '../../services/domain/gate/sample-evidence.ts'
import type { Cell } from './cell.ts'
import type { Draw } from './draws.ts'
import type { LegChange } from './traffic.ts'
import { fullWeight } from './traffic.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** Refusals alone decide, within 5 points; the plans of three attempts. */
const attempts = [1, 2, 3].map((attempt) => planOf({ metrics: refusalDecides }, attempt))
const plan = attempts[0] ?? planOf()
const wide = { margin: { absolute: 0.12 }, assumedRate: 0.05, mustHaveData: true } as const
/** Four waves side by side, each at a quarter of α, and the same without the division; within 12 points, so that four are not too dear. */
const waves = [...['a', 'b', 'c'].map((id) => ({ id, match: { tenant: id } })), { id: 'rest' }]
const [together, undivided] = (['together', 'sequence'] as const).map((waveOrder) =>
  planOf({ metrics: onlyDeciding({ refusal: { ...wide, assumedRate: 0.17 } }), waves, waveOrder }),
) as [AnalysisPlan, AnalysisPlan]
/** Six guardrails that must pass, four gates (shadow, 1, 10, 50 %), within 12 points, so that a whole run stays short. */
const wholeRun = planOf({
  metrics: onlyDeciding({
    error: wide,
    fast_error: { ...wide, assumedRate: 0.03 },
    refusal: wide,
    fast_refusal: { ...wide, assumedRate: 0.03 },
    latency_over_budget: wide,
    ttft_over_budget: wide,
  }),
  statistics: { stickyKeysMin: 100 },
})

/** Feeds exchanges until the test has passed (1) or spent its looks (0). */
function passes(run: VirtualRun, test: string, exchange: (index: number) => void): number {
  const id = `all/1/advance/${test}`
  for (let index = 0; index < 6_000; index += 1) {
    exchange(index)
    run.wait(250)
    const state = run.gate.advance.get(id)
    if (state?.passed === true) return 1
    if (state?.statistics.length === run.plan.looks.length) return 0
  }
  return 0
}

function pairedPasses(uniform: Draw, only: number, base: number, of: AnalysisPlan = plan): number {
  const run = new VirtualRun(of, 0)
  return passes(run, 'shadow/refusal/content_ab', (i) => {
    const drawn = uniform()
    const refused = { baseline: drawn >= only && drawn < only + base, candidate: drawn < only }
    run.pair('content_ab', `session-${i}`, { refused: refused.baseline }, { refused: refused.candidate })
  })
}

/** Waves take turns until each has passed its first gate or spent its looks; 1 when any of them passes. */
function anyWavePasses(uniform: Draw, only: number, base: number, of: AnalysisPlan): number {
  const run = new VirtualRun(of, 0)
  const open = new Set(waves.map(({ id }) => id))
  for (let index = 0; index < 12_000 && open.size > 0; index += 1)
    for (const wave of open) {
      run.turnTo(wave)
      const drawn = uniform()
      const refused = { baseline: drawn >= only && drawn < only + base, candidate: drawn < only }
      run.pair('content_ab', `${wave}-${index}`, { refused: refused.baseline }, { refused: refused.candidate })
      run.wait(250)
      const state = run.gate.advance.get(`${wave}/1/advance/shadow/refusal/content_ab`)
      if (state?.passed === true) return 1
      if (state?.statistics.length === of.looks.length) open.delete(wave)
    }
  return 0
}

function unpairedPasses(uniform: Draw, candidate: number, baseline: number): number {
  const run = new VirtualRun(plan, 50_000)
  return passes(run, 'canary/refusal/live_ab', (i) => {
    const arm = uniform() < run.share ? 'candidate' : 'baseline'
    run.live(arm, `user-${i}`, { refused: uniform() < (arm === 'candidate' ? candidate : baseline) })
  })
}

/** A leg of a model that errs, refuses and is slow in 3 % each, a third of that within the fast horizons. */
function ordinaryLeg(uniform: Draw, refusals: number): LegChange {
  if (uniform() < 0.03) return { resolution: 'failed', durationMs: uniform() < 0.3 ? 300 : 10_000 }
  const isSlow = uniform() < 0.03
  return {
    refused: uniform() < refusals,
    durationMs: isSlow ? 45_000 : 3_000 + 4_000 * uniform(),
    ttftMs: isSlow ? 6_000 : 300,
  }
}

/** Feeds a stage until the gate permits to advance (true) or `exchanges` are told. */
function stagePasses(run: VirtualRun, uniform: Draw, exchanges: number, refusals: number): boolean {
  // A ledger tells units apart by their first sixteen characters.
  const prefix = `${run.stageEntry}-`
  for (let i = 0; i < exchanges; i += 1) {
    if (i % 2 === 0 || run.share >= 0.1) {
      const legs = [ordinaryLeg(uniform, 0.03), ordinaryLeg(uniform, refusals)] as const
      run.pair('content_ab', `${prefix}session-${i}`, ...legs)
      if (run.weight === 0)
        run.pair('shadow_ab', `${prefix}session-${i}`, ordinaryLeg(uniform, 0.03), ordinaryLeg(uniform, 0.03))
    }
    if (run.weight > 0) {
      const isCandidate = uniform() < run.share
      const leg = ordinaryLeg(uniform, isCandidate ? refusals : 0.03)
      run.live(isCandidate ? 'candidate' : 'baseline', `${prefix}user-${i}`, leg)
    }
    run.wait(1_000)
    if (i % 50 === 0 && everythingPassed(run) && run.judge().outcome === 'advance') return true
  }
  run.settle()
  return run.judge().outcome === 'advance'
}

/** Spares the whole answer where it cannot be "advance" yet. */
function everythingPassed(run: VirtualRun): boolean {
  const states = [...run.gate.advance].filter(([key]) => key.startsWith(`all/${run.stageEntry}/`))
  return states.length > 0 && states.every(([, state]) => state.passed)
}

/** Shadow, 1, 10 and 50 %: 1 when the gate permits all four. */
function passesWholeRun(uniform: Draw, refusals: number): number {
  const run = new VirtualRun(wholeRun, 0)
  for (const weight of [0, 1_000, 10_000, 50_000]) {
    if (weight > 0) run.enterStage(weight)
    const unitsTold = weight === 0 ? 1_200 : (320 * fullWeight) / weight
    if (!stagePasses(run, uniform, unitsTold, refusals)) return 0
  }
  return 1
}

/** The first gate, asked about all six guardrails, of which one is truly worse by its margin. */
function passesFirstGate(uniform: Draw): number {
  return stagePasses(new VirtualRun(wholeRun, 0), uniform, 1_500, 0.15) ? 1 : 0
}

/** One pair fewer than every question needs, and nothing ever happens in them: the quietest world there is. */
function advancesOneShort(uniform: Draw): number {
  const required = Math.max(...wholeRun.advance.filter(({ stages }) => stages === 'shadow').map((t) => t.requiredUnits))
  const run = new VirtualRun(wholeRun, 0)
  const quiet = uniform() < 0.5
  for (let i = 0; i < required - 1; i += 1) {
    const legs = quiet ? ([{}, {}] as const) : ([ordinaryLeg(uniform, 0.03), ordinaryLeg(uniform, 0.03)] as const)
    run.pair('content_ab', `session-${i}`, ...legs)
    run.pair('shadow_ab', `session-${i}`, ...legs)
    run.wait(1_000)
  }
  run.settle()
  return run.judge().outcome === 'advance' ? 1 : 0
}

const unfit = { kind: 'share-at-most', share: 0.05 } as const
const fit = { kind: 'share-at-least', share: 0.8 } as const

/** What may and what may not advance. */
export const advanceCells: readonly Cell[] = [
  {
    name: 'advance/paired-at-margin',
    world: 'paired, truly worse by the margin: passes a gate',
    aim: unfit,
    plan,
    shortRuns: 40,
    run: (uniform) => pairedPasses(uniform, 0.075, 0.025),
  },
  {
    name: 'advance/unpaired-at-margin',
    world: 'live arms, truly worse by the margin: passes a gate',
    aim: unfit,
    plan,
    shortRuns: 20,
    run: (uniform) => unpairedPasses(uniform, 0.1, 0.05),
  },
  {
    name: 'advance/one-of-six-at-margin',
    world: 'six guardrails, one truly worse by the margin, all asked every 50 pairs: passes the gate',
    aim: unfit,
    plan: wholeRun,
    shortRuns: 10,
    run: passesFirstGate,
  },
  {
    name: 'advance/three-attempts-at-margin',
    world: 'three attempts of a candidate that is worse by the margin, at α, α/2, α/4: any passes a gate',
    aim: { kind: 'share-at-most', share: 0.0875 },
    plan,
    shortRuns: 20,
    run: (uniform) => Math.max(...attempts.map((attempt) => pairedPasses(uniform, 0.075, 0.025, attempt))),
  },
  {
    name: 'naive/three-attempts-at-full-alpha',
    dataOf: 'advance/three-attempts-at-margin',
    world: 'the data of advance/three-attempts-at-margin, but each attempt at the whole α: any passes a gate',
    aim: { kind: 'share-at-least', share: 0.1 },
    plan: null,
    shortRuns: 20,
    run: (uniform) => Math.max(...attempts.map(() => pairedPasses(uniform, 0.075, 0.025))),
  },
  {
    name: 'advance/waves-together',
    world: 'four waves side by side, in each truly worse by the margin, each tested at α/4: any of them passes a gate',
    aim: unfit,
    plan: together,
    shortRuns: 10,
    run: (uniform) => anyWavePasses(uniform, 0.145, 0.025, together),
  },
  {
    name: 'naive/waves-together-at-full-alpha',
    dataOf: 'advance/waves-together',
    world: 'the world of advance/waves-together, but each wave at the whole α: any of them passes a gate',
    aim: { kind: 'share-at-least', share: 0.1 },
    plan: null,
    shortRuns: 20,
    run: (uniform) => anyWavePasses(uniform, 0.145, 0.025, undivided),
  },
  {
    name: 'advance/paired-harmless',
    world: 'paired, harmless: passes a gate within its looks',
    aim: fit,
    plan,
    shortRuns: 20,
    run: (uniform) => pairedPasses(uniform, 0.05, 0.05),
  },
  {
    name: 'advance/unpaired-harmless',
    world: 'live arms, harmless: passes a gate within its looks',
    aim: fit,
    plan,
    shortRuns: 20,
    run: (uniform) => unpairedPasses(uniform, 0.07, 0.07),
  },
  {
    name: 'advance/whole-run-harmless',
    world: 'harmless, six guardrails, gates of the shadow, 1, 10 and 50 %: passes all four within the looks',
    aim: fit,
    plan: wholeRun,
    shortRuns: 2,
    run: (uniform) => passesWholeRun(uniform, 0.03),
  },
  {
    name: 'advance/one-pair-short',
    world: 'harmless, one pair fewer than required: advances',
    aim: { kind: 'share-at-most', share: 0 },
    plan: wholeRun,
    shortRuns: 5,
    run: advancesOneShort,
  },
]
