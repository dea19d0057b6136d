import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { type SeededRandom, seededRandom } from '../stats/bootstrap/seeded-random.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import type { AnalysisPlan } from './plan.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { type RunGateData, runGateFromData, runGateToData } from './run-gate-data.ts'
import { refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import { chooseSlices } from './slice-choice.ts'
import type { SliceFinding } from './slice-findings.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 100_000, unitsMax: 1_000_000 }
const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
const muted = { role: 'muted' } as const
const others = { error: muted, fast_error: muted, fast_refusal: muted, abandoned: muted }
const slow = { latency_over_budget: muted, ttft_over_budget: muted }

function planOf(change: Partial<RolloutDocument> = {}): AnalysisPlan {
  const metrics = { refusal: { margin: { absolute: 0.05 }, assumedRate: 0.1 }, ...others, ...slow }
  return compilePlan(sampleSpec({ metrics, ...change }))
}

const plan = planOf()

interface World {
  /** Chance that only the candidate refuses, by segments; only the baseline refuses in 3 %. */
  readonly only: (segments: Readonly<Record<string, string>>) => number
  readonly pairs: number
  readonly seed: string
  readonly change?: (index: number) => Partial<Evidence>
}

function pick(random: SeededRandom, weights: Readonly<Record<string, number>>): string {
  let drawn = random.uniform()
  const [last = ''] = Object.keys(weights).slice(-1)
  for (const [name, weight] of Object.entries(weights)) {
    drawn -= weight
    if (drawn < 0) return name
  }
  return last
}

/** Traffic of three keys: with their crosses about eighty slices, `tier = enterprise` being 8 % of the pairs. */
function* evidenceOf({ only, pairs, seed, change }: World): Generator<Evidence> {
  const random = seededRandom(seed)
  for (let index = 0; index < pairs; index += 1) {
    const segments = {
      tier: pick(random, { enterprise: 0.08, pro: 0.3, free: 0.62 }),
      language: pick(random, { en: 0.4, de: 0.2, fr: 0.15, es: 0.1, it: 0.1, pl: 0.05 }),
      task: pick(random, { chat: 0.25, code: 0.2, mail: 0.18, sum: 0.15, data: 0.12, law: 0.1 }),
    }
    const drawn = random.uniform()
    const worse = only(segments)
    const metrics = [refusal(drawn >= worse && drawn < worse + 0.03 ? 1 : 0, drawn < worse ? 1 : 0)]
    yield sampleEvidence(index, { segments, metrics, ...change?.(index) })
  }
}

/** The gate after all pairs; `each` is called after every 250 of them. */
function gateOf(world: World, used = plan, each: (gate: RunGate) => void = () => undefined): RunGate {
  const gate = createRunGate('run', used, limits)
  let index = 0
  for (const evidence of evidenceOf(world)) {
    accept(gate, evidence, 0, index)
    index += 1
    if (index % 250 !== 0) continue
    enterThrough(gate, evidence.arrived_at)
    each(gate)
  }
  enterThrough(gate, Number.MAX_SAFE_INTEGER)
  return gate
}

const findingsIn = (gate: RunGate) => judge(gate, stage).findings
const slicesIn = (findings: readonly SliceFinding[]) =>
  findings.map(({ slice }) => slice.map(({ key, value }) => `${key}=${value}`).join(' '))
const planted: World = {
  only: ({ tier }) => (tier === 'enterprise' ? 0.08 : 0.03),
  pairs: 20_000,
  seed: 'planted',
}

describe('the search for slices that get worse', () => {
  const gate = gateOf(planted)
  const [finding] = findingsIn(gate)

  it('finds a planted segment of 8 % that the whole hides, says so in one sentence, and decides nothing', () => {
    expect(slicesIn(findingsIn(gate))).toEqual(['tier=enterprise'])
    expect(finding?.difference).toBeGreaterThan(0.03)
    expect(finding?.shrunkDifference).toBeLessThan(finding?.difference ?? 0)
    expect(finding?.sentence).toMatch(
      /^refusal on content_ab is worse by \d\.\d points where tier = enterprise \(candidate \d\.\d %, baseline \d\.\d %, 1\d{3} units\), elsewhere by -?0\.\d points, so it is specific to them; shrunk towards all slices \d\.\d points, margin 5\.0 points$/,
    )
    const without = judge(gateOf(planted, planOf({ slices: { search: false } })), stage)
    expect(without.findings).toEqual([])
    expect(judge(gate, stage)).toMatchObject({ outcome: without.outcome, reason: without.reason, breach: null })
  })

  it('finds it in half of all runs with 10,000 pairs, and nothing in any look where nothing is worse', () => {
    let found = 0
    let wrong = 0
    for (let run = 0; run < 6; run += 1) {
      found += findingsIn(gateOf({ ...planted, pairs: 10_000, seed: `planted-${run}` })).length > 0 ? 1 : 0
      if (run >= 3) continue
      const looks: number[] = []
      const harmless = { only: () => 0.03, pairs: 4_000, seed: `null-${run}` }
      gateOf(harmless, plan, (at) => looks.push(findingsIn(at).length))
      expect(looks).toHaveLength(16)
      wrong += looks.some((count) => count > 0) ? 1 : 0
    }
    expect(found).toBeGreaterThanOrEqual(3)
    expect(wrong).toBe(0)
  })

  it('shows of nested slices the largest that explains', () => {
    const cross: World = {
      ...planted,
      only: ({ tier, language }) => (tier === 'pro' && language === 'en' ? 0.13 : 0.03),
      pairs: 10_000,
    }
    expect(slicesIn(findingsIn(gateOf(cross)))).toEqual(['language=en tier=pro'])
    const pro: World = { ...planted, only: ({ tier }) => (tier === 'pro' ? 0.11 : 0.03), pairs: 10_000 }
    expect(slicesIn(findingsIn(gateOf(pro)))).toEqual(['tier=pro'])
    const everywhere: World = { ...planted, only: () => 0.12, pairs: 10_000 }
    expect(findingsIn(gateOf(everywhere))).toEqual([])
  })

  it('lists no slice below 200 pairs, nor one that is less than half a margin worse, and counts a unit once', () => {
    const sole = {
      ...planted,
      only: ({ tier }: Readonly<Record<string, string>>) => (tier === 'enterprise' ? 0.5 : 0.03),
    }
    expect(findingsIn(gateOf({ ...sole, pairs: 2_250 }))).toEqual([])
    expect(findingsIn(gateOf({ ...sole, pairs: 3_000 }))).toHaveLength(1)
    const small = { ...planted, only: ({ tier }: Readonly<Record<string, string>>) => (tier === 'free' ? 0.05 : 0.03) }
    expect(findingsIn(gateOf({ ...small, pairs: 15_000 }))).toEqual([])
    const margin = { refusal: { margin: { absolute: 0.02 }, assumedRate: 0.1 }, ...others, ...slow }
    const strict = gateOf({ ...small, pairs: 15_000 }, planOf({ metrics: margin }))
    expect(slicesIn(findingsIn(strict))).toEqual(['tier=free'])
    const repeated = (index: number) => ({ unit: `unit-${index % 2_000}-padded-to-length` })
    expect(findingsIn(gateOf({ ...sole, pairs: 6_000, change: repeated }))).toEqual([])
  })

  it('goes on from a snapshot, before and after the slices are chosen, to the very same findings', () => {
    const all = [...evidenceOf(planted)]
    for (const cut of [1_400, 12_000]) {
      const before = createRunGate('run', plan, limits)
      for (const [offset, evidence] of all.slice(0, cut).entries()) accept(before, evidence, 0, offset)
      enterThrough(before, all[cut - 1]?.arrived_at ?? 0)
      const data = JSON.parse(JSON.stringify(runGateToData(before))) as RunGateData
      const after = runGateFromData('run', plan, limits, data)
      if (after === null) throw new Error('the snapshot was not taken up')
      for (const [offset, evidence] of all.entries()) accept(after, evidence, 0, offset, offset < cut)
      enterThrough(after, Number.MAX_SAFE_INTEGER)
      expect(findingsIn(after)).toEqual(findingsIn(gate))
    }
  })

  it('keeps a search of its own for each wave, the last two', () => {
    const place = (wave: string) => ({ ...sampleEvidence(0).place, wave })
    const waves = gateOf({
      ...planted,
      pairs: 3_000,
      change: (index) => ({ place: place(`w${Math.floor(index / 1_000)}`) }),
    })
    expect([...waves.searches.keys()]).toEqual(['w1', 'w2'])
    expect(judge(waves, { ...stage, wave: 'w0' }).findings).toEqual([])
  })
})

describe('the slices of a search', () => {
  const tally = (attributes: Readonly<Record<string, string>>, pairs: number) => ({
    attributes: Object.entries(attributes),
    pairs,
  })
  const named = (slices: ReturnType<typeof chooseSlices>) =>
    slices.map(({ parts }) => parts.map(({ key, value }) => `${key}=${value}`).join(' '))

  it('are the fifty tenants with most traffic, the rest of them together, and no second name for the same pairs', () => {
    const tallies = Array.from({ length: 80 }, (_, index) =>
      tally({ tenant: `t${index}`, tier: index % 2 === 0 ? 'a' : 'b' }, 100 - index),
    )
    const slices = chooseSlices(tallies, null)
    const names = named(slices)
    expect(names).toContain('tenant=t49')
    expect(names).not.toContain('tenant=t50')
    expect(names).toContain('tenant=null')
    expect(names).not.toContain('tier=a tenant=t0')
    expect(names).toHaveLength(53)
    const [first] = slices
    expect(first?.within.map((index) => names[index])).toEqual(['tier=a'])
  })

  it('are at most 500, single ones before crosses, and those of the keys that the policy names', () => {
    const many = Array.from({ length: 40 * 40 }, (_, index) =>
      tally({ tenant: 'one', x: `x${index % 40}`, y: `y${Math.floor(index / 40)}` }, 20),
    )
    const slices = chooseSlices(many, null)
    expect(slices).toHaveLength(500)
    expect(slices.filter(({ parts }) => parts.length === 1)).toHaveLength(80)
    expect(named(chooseSlices(many, ['x']))).toHaveLength(40)
    expect(plan.search?.keys).toBeNull()
    expect(planOf({ slices: { keys: ['tier'] } }).search?.keys).toEqual(['tier'])
  })
})

it('keeps the searches of all waves that go side by side', () => {
  const waves = [...['a', 'b', 'c'].map((id) => ({ id, match: { tenant: id } })), { id: 'rest' }]
  const together = planOf({ waves, waveOrder: 'together' })
  const gate = createRunGate('run', together, limits)
  for (let index = 0; index < 40; index += 1) {
    const pair = sampleEvidence(index)
    accept(gate, { ...pair, place: { ...pair.place, wave: waves[index % 4]?.id ?? '' } }, 0, index)
  }
  enterThrough(gate, Number.MAX_SAFE_INTEGER)
  expect([...gate.searches].map(([wave, { pairs }]) => [wave, pairs])).toEqual(waves.map(({ id }) => [id, 10]))
})
