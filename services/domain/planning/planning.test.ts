import { describe, expect, it } from 'vitest'
import { compilePlan } from '../gate/compile-plan.ts'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { type GoldenSummary, specFromDocument } from '../policy/spec-from-document.ts'
import type { RolloutSpec } from '../rollout/spec.ts'
import { missingColumns } from './audience.ts'
import type { PlanInput } from './planned-questions.ts'
import { remediesOf } from './remedies.ts'
import { planRollout } from './rollout-plan.ts'
import { countWithin, hoursUntil, type TrafficProfile } from './traffic-profile.ts'

const hour = 3_600_000
/** A Monday. */
const mondayMs = Date.UTC(2026, 2, 2)

function flat(perHour: number, more: Partial<TrafficProfile> = {}): TrafficProfile {
  const hourlyRequests = Array.from({ length: 24 }, () => perHour)
  return { hourlyRequests, hourlyUnits: null, hourlyGolden: null, segments: {}, tokensPerRequest: null, ...more }
}

function specOf(more: Partial<RolloutDocument> = {}, golden: GoldenSummary | null = null): RolloutSpec {
  const result = specFromDocument(
    {
      name: 'planned',
      route: 'support',
      change: 'prompt',
      baseline: { id: 'v1', provider: 'openai', model: 'm', promptVersion: '1' },
      candidate: { id: 'v2', provider: 'openai', model: 'm', promptVersion: '2' },
      routers: ['gateway'],
      shadow: { budget: { calls: 1e9, usd: 1e6 } },
      ...more,
    },
    golden,
  )
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return result.spec
}

function inputOf(spec: RolloutSpec, traffic: TrafficProfile): PlanInput {
  return { spec, plan: compilePlan(spec), traffic, startMs: mondayMs }
}

describe('hours of a profile', () => {
  it('flat traffic: required / rate, whatever the minute of the start', () => {
    const hourly = flat(100).hourlyRequests
    expect(hoursUntil(hourly, mondayMs, 250)).toBeCloseTo(2.5, 12)
    expect(hoursUntil(hourly, mondayMs + 0.7 * hour, 250)).toBeCloseTo(2.5, 9)
    expect(hoursUntil(hourly, mondayMs, 24_000)).toBeCloseTo(240, 9)
  })

  it('a week begins on Monday, a profile repeats, and nothing never comes', () => {
    const week = Array.from({ length: 168 }, (_, index) => (index === 24 ? 60 : 0))
    expect(hoursUntil(week, mondayMs, 30)).toBeCloseTo(24.5, 9)
    expect(hoursUntil(week, mondayMs + 24.5 * hour, 60)).toBeCloseTo(168, 9)
    expect(
      hoursUntil(
        week.map(() => 0),
        mondayMs,
        1,
      ),
    ).toBeNull()
    expect(hoursUntil(week, mondayMs, 0)).toBe(0)
  })

  it('what comes within the hours is what was waited for', () => {
    const hourly = Array.from({ length: 24 }, (_, index) => index * 10)
    for (const start of [0, 5.25, 23.9])
      for (const required of [1, 100, 5_000, 12_345]) {
        const hours = hoursUntil(hourly, mondayMs + start * hour, required) ?? Number.NaN
        expect(countWithin(hourly, mondayMs + start * hour, hours)).toBeCloseTo(required, 6)
      }
  })
})

describe('a plan on flat traffic', () => {
  const spec = specOf({ change: 'model' })
  const planned = planRollout(inputOf(spec, flat(10_000)))
  const stageOf = (name: string) => planned.stages.find(({ stage }) => stage === name)

  it('pairs: the first look needs I·ψ pairs, the fourth twice as many, at share × usable an hour', () => {
    const question = stageOf('shadow')?.questions.find(({ metric }) => metric === 'refusal')
    const test = compilePlan(spec).advance.find(({ id }) => id === question?.test)
    expect(question?.looks.map(({ units }) => units)).toEqual(
      [1, 4 / 3, 5 / 3, 2].map((part) => Math.ceil((test?.informationFixed ?? 0) * 0.04 * part)),
    )
    expect(question?.looks[3]?.hours).toBeCloseTo((question?.looks[3]?.units ?? 0) / 9_800, 9)
  })

  it('no look before the noise floor is calibrated: 1000 pairs at a second leg of 10 %', () => {
    const shadow = stageOf('shadow')
    expect(shadow?.calibratedHours).toBeCloseTo(1_000 / 980, 9)
    expect(shadow?.questions.find(({ metric }) => metric === 'refusal')?.looks[0]?.hours).toBeCloseTo(1_000 / 980, 9)
    expect(stageOf('canary-1')?.calibratedHours).toBe(0)
  })

  it('live arms: I·p(1−p)/(1−w) candidate units at the share w', () => {
    const question = stageOf('canary-10')?.questions.find(
      ({ metric, comparison }) => metric === 'error' && comparison === 'live_ab',
    )
    const test = compilePlan(spec).advance.find(({ id }) => id === question?.test)
    expect(question?.looks[0]?.units).toBe(Math.ceil(((test?.informationFixed ?? 0) * 0.02 * 0.98) / 0.9))
    expect(question?.looks[0]?.hours).toBeCloseTo((question?.looks[0]?.units ?? 0) / (10_000 * 0.1 * 0.98), 9)
  })

  it('stages follow each other, keep their minimum time, and end with the bake', () => {
    planned.stages.forEach((stage, index) => {
      expect(stage.entersAtMs).toBe(planned.stages[index - 1]?.endsAtMs ?? mondayMs)
      expect(stage.hours).toBe(Math.max(stage.minDurationMs / hour, stage.evidenceHours ?? Number.NaN))
    })
    expect(planned.endsAtMs).toBe((planned.stages.at(-1)?.endsAtMs ?? 0) + spec.bakeMs)
    expect(planned.earliestEndMs).toBeLessThanOrEqual(planned.endsAtMs)
    expect(planned.latestEndMs).toBeGreaterThanOrEqual(planned.endsAtMs)
    expect(planned.problems).toEqual([])
  })

  it('the α is what the tests were given, the missed chance stays within β, and roll back is lease or horizon', () => {
    const plan = compilePlan(spec)
    expect(planned.falseRollback.chance).toBeCloseTo(
      plan.harm.reduce((sum, { alpha }) => sum + alpha, 0),
      12,
    )
    expect(planned.falseRollback.chance).toBeLessThanOrEqual(0.05)
    expect(planned.missing.planned).toBeLessThanOrEqual(spec.betaTotal)
    expect(planned.missing.byLook[3]).toBeLessThan(0.01)
    expect(planned.revert).toMatchObject({ seenMs: 15_000 + 60_000 + 1_000 + 1_000, blindMs: 35_000, worstMs: 77_000 })
  })

  it('power at the looks is that of the design: .826, .968, .995, .999 at z = 1.834', () => {
    // A third of .1 for each of the three deciding metrics at the one gate: z_β = 1.834.
    const oneGate = { ...specOf({ shadow: { share: 0 } }), betaTotal: 0.1 }
    const [wave] = oneGate.waves
    const stages = (wave?.stages ?? []).filter(({ candidateWeight }) => [10_000, 100_000].includes(candidateWeight))
    const single = { ...oneGate, waves: [{ id: 'all', match: {}, stages }] }
    const looks = planRollout(inputOf(single, flat(10_000))).stages[0]?.questions[0]?.looks ?? []
    for (const [index, power] of [0.826, 0.968, 0.995, 0.999].entries())
      expect(Math.abs((looks[index]?.power ?? 0) - power)).toBeLessThan(0.0015)
  })

  it('shadow calls, tokens and money are rate × time × price', () => {
    const prices = {
      v1: { inputUsdPerMillion: 1, outputUsdPerMillion: 2 },
      v2: { inputUsdPerMillion: 10, outputUsdPerMillion: 0 },
    }
    const priced = planRollout(
      inputOf(specOf({ prices, change: 'model' }), flat(10_000, { tokensPerRequest: { input: 100, output: 50 } })),
    )
    const stage = priced.stages.find((item) => item.stage === 'canary-50')
    expect(stage?.shadow.candidateCalls).toBeCloseTo(24 * 10_000 * 0.5, 3)
    expect(stage?.shadow.baselineCalls).toBeCloseTo(24 * 10_000 * 0.5 * 0.1, 3)
    expect(stage?.shadow.inputTokens).toBeCloseTo(24 * 10_000 * 0.55 * 100, 3)
    expect(stage?.shadow.microUsd).toBeCloseTo(120_000 * 1_000 + 12_000 * 200, 0)
    expect(planned.shadow.microUsd).toBeNull()
  })
})

describe('what a request is worth', () => {
  const refusalOf = (traffic: TrafficProfile) =>
    planRollout(inputOf(specOf(), traffic)).stages[1]?.questions.find(
      ({ metric, comparison }) => metric === 'refusal' && comparison === 'content_ab',
    )

  it('a unit counts once: with a unit for every fourth request a look takes four times as long', () => {
    const quarter = flat(10_000, { hourlyUnits: Array.from({ length: 24 }, () => 2_500) })
    expect(refusalOf(quarter)?.looks[0]?.hours).toBeCloseTo(4 * (refusalOf(flat(10_000))?.looks[0]?.hours ?? 0), 9)
  })

  it('golden answers come from the requests that the golden set knows, and their column is asked for', () => {
    const spec = specOf({ golden: { file: 'golden.jsonl' } }, { digest: 'd', chunks: 1, entries: 10 })
    expect(missingColumns(spec, flat(10_000))).toEqual(['golden'])
    const traffic = flat(10_000, { hourlyGolden: Array.from({ length: 24 }, () => 500) })
    expect(missingColumns(spec, traffic)).toEqual([])
    const questions = planRollout(inputOf(spec, traffic)).stages[1]?.questions ?? []
    const unitsOf = (name: string) =>
      questions.find(({ metric, comparison }) => metric === name && comparison === 'content_ab')?.unitsInTime ?? 0
    expect(unitsOf('refusal') / unitsOf('golden_wrong')).toBeCloseTo(20, 9)
  })

  it('a stage that keeps the candidate on a lapsed lease has no bound on the time to roll back', () => {
    expect(planRollout(inputOf(specOf({ onLapse: 'hold' }), flat(10_000))).revert).toMatchObject({
      blindMs: null,
      worstMs: null,
    })
  })
})

describe('segments and waves', () => {
  const criticalSlices = [{ key: 'tier', value: 'gold' }]
  const tenth = { segments: { 'tier=gold': Array.from({ length: 24 }, () => 1_000) } }

  it('a segment of a tenth needs as many pairs and ten times the hours', () => {
    const questions = planRollout(inputOf(specOf({ criticalSlices }), flat(10_000, tenth))).stages[1]?.questions ?? []
    const refusal = questions.filter(({ metric, comparison }) => metric === 'refusal' && comparison === 'content_ab')
    expect(refusal[1]?.looks[0]?.units).toBe(refusal[0]?.looks[0]?.units)
    expect(refusal[1]?.looks[0]?.hours).toBeCloseTo(10 * (refusal[0]?.looks[0]?.hours ?? 0), 9)
  })

  it('a segment that cannot be in a wave is named, and nothing is proposed that would not help', () => {
    const waves = [{ id: 'rest', match: { tier: 'silver' } }, { id: 'all' }]
    const segments = { ...tenth.segments, 'tier=silver': Array.from({ length: 24 }, () => 9_000) }
    const input = inputOf(specOf({ criticalSlices, waves }), flat(10_000, { segments }))
    const planned = planRollout(input)
    expect(planned.problems[0]).toMatchObject({ kind: 'absent', wave: 'rest', stage: 'shadow' })
    expect(planned.problems.some(({ kind, wave }) => kind === 'absent' && wave === 'all')).toBe(false)
    expect(remediesOf(input, planned)).toEqual([])
  })

  it('waves side by side begin with the run and take the time of the slowest, at more units each', () => {
    const half = { segments: { 'tier=gold': Array.from({ length: 24 }, () => 5_000) } }
    const waves = [{ id: 'gold', match: { tier: 'gold' } }, { id: 'rest' }]
    const [sequence, together] = (['sequence', 'together'] as const).map((waveOrder) =>
      planRollout(inputOf(specOf({ waves, waveOrder }), flat(10_000, half))),
    )
    if (sequence === undefined || together === undefined) throw new TypeError('two orders')
    const first = together.stages.filter(({ stage }) => stage === 'shadow')
    expect(first.map(({ entersAtMs }) => entersAtMs)).toEqual([mondayMs, mondayMs])
    expect(first[0]?.questions[0]?.looks[0]?.units).toBeGreaterThan(
      sequence.stages[0]?.questions[0]?.looks[0]?.units ?? Number.POSITIVE_INFINITY,
    )
    // The noise floor is the run's: both waves bring its pairs.
    expect(first[0]?.calibratedHours).toBeLessThan(sequence.stages[0]?.calibratedHours ?? 0)
    const ends = together.stages.map(({ endsAtMs }) => endsAtMs)
    expect(together.endsAtMs - Math.max(...ends)).toBe(sequence.endsAtMs - (sequence.stages.at(-1)?.endsAtMs ?? 0))
    expect(together.endsAtMs).toBeLessThan(sequence.endsAtMs)
  })

  it('the last wave has what the others leave', () => {
    const waves = [{ id: 'first', match: { tier: 'gold' } }, { id: 'all' }]
    const { stages } = planRollout(inputOf(specOf({ waves }), flat(10_000, tenth)))
    const pairs = (wave: string) =>
      stages.find((stage) => stage.wave === wave && stage.candidateWeight === 0)?.questions[0]?.unitsInTime ?? 0
    expect(pairs('all') / pairs('first')).toBeCloseTo(9, 9)
  })
})

describe('a segment that is shadowed more often', () => {
  const tenth = { segments: { 'tier=gold': Array.from({ length: 24 }, () => 1_000) } }
  const planned = (segmentShares: Readonly<Record<string, number>>) => {
    const shadow = { share: 0.2, secondLegShare: 0.1, segmentShares, budget: { calls: 1e9, usd: 1e6 } }
    const spec = specOf({ shadow, criticalSlices: [{ key: 'tier', value: 'gold' }] })
    const [stage] = planRollout(inputOf(spec, flat(10_000, tenth))).stages
    const inTime = (slice: boolean) =>
      stage?.questions.find(({ comparison, slice: of }) => comparison === 'content_ab' && (of !== null) === slice)
        ?.unitsInTime ?? 0
    return {
      gold: inTime(true),
      all: inTime(false),
      calls: stage?.shadow.candidateCalls ?? 0,
      hours: stage?.hours ?? 0,
    }
  }

  it('has its pairs sooner, everybody has as many as before, and the bill says what it costs', () => {
    const [even, uneven] = [planned({}), planned({ 'tier=gold': 0.8 })]
    expect(uneven.gold / even.gold).toBeCloseTo(4, 9)
    expect(uneven.all).toBeCloseTo(even.all, 9)
    // A tenth at .8 and the rest at .2 instead of all at .2.
    expect(uneven.calls / uneven.hours / (even.calls / even.hours)).toBeCloseTo((0.1 * 0.8 + 0.9 * 0.2) / 0.2, 9)
  })
})

describe('what makes an impossible plan possible', () => {
  const slow = specOf({
    calibrationPairs: 100,
    shadow: { share: 0.2, secondLegShare: 0.1, budget: { calls: 1e9, usd: 1e6 } },
    stages: [{ weight: '0%', maxDuration: '1d' }, { weight: '5%', maxDuration: '1d' }, { weight: '100%' }],
  })
  const input = inputOf(slow, flat(2_000))
  const remedies = remediesOf(input, planRollout(input))
  const numberIn = (kind: string) =>
    Number(/[\d.]+/.exec(remedies.find((remedy) => remedy.kind === kind)?.change ?? '')?.[0])

  it('names late stages with what they need and get', () => {
    expect(planRollout(input).problems.map(({ kind, stage }) => `${kind} ${stage}`)).toEqual([
      'time shadow',
      'time canary-5',
    ])
    expect(planRollout(input).problems[0]?.message).toMatch(
      /^error on shadow_ab needs \d+ pairs by look \d, and 24 h bring 940$/,
    )
  })

  it('a number for each of share, margin, duration and traffic', () => {
    expect(remedies.map(({ kind }) => kind)).toEqual(['share', 'margin', 'duration', 'traffic'])
    expect(remedies.every(({ change }) => /\d/.test(change))).toBe(true)
  })

  it('the traffic that is named works, and three quarters of it do not', () => {
    const factor = numberIn('traffic')
    expect(planRollout(inputOf(slow, flat(2_000 * factor))).problems).toEqual([])
    expect(planRollout(inputOf(slow, flat(1_500 * factor))).problems).not.toEqual([])
  })

  it('the hours that are named work', () => {
    const change = remedies.find(({ kind }) => kind === 'duration')?.change ?? ''
    const longer = new Map(
      [...change.matchAll(/maxDuration (\d+)h of all\/([\w-]+)/g)].map(([, h, name]) => [name, Number(h)]),
    )
    const withHours = (less: number) => ({
      ...slow,
      waves: slow.waves.map((wave) => ({
        ...wave,
        stages: wave.stages.map((stage) => {
          const hours = longer.get(stage.name)
          return hours === undefined ? stage : { ...stage, maxDurationMs: (hours - less) * hour }
        }),
      })),
    })
    expect([...longer.keys()]).toEqual(['shadow', 'canary-5'])
    expect(planRollout(inputOf(withHours(0), flat(2_000))).problems).toEqual([])
    expect(planRollout(inputOf(withHours(1), flat(2_000))).problems).toHaveLength(2)
  })

  it('the shares that are named work', () => {
    const change = remedies.find(({ kind }) => kind === 'share')?.change ?? ''
    const numberOf = (pattern: RegExp) => Number(pattern.exec(change)?.[1])
    const weight = numberOf(/weight ([\d.]+)% of all\/canary-5/)
    const shadow = {
      ...slow.shadow,
      share: numberOf(/shadow\.share ([\d.]+)/),
      secondLegShare: numberOf(/shadow\.secondLegShare ([\d.]+)/),
    }
    const waves = slow.waves.map((wave) => ({
      ...wave,
      stages: wave.stages.map((stage) =>
        stage.name === 'canary-5' ? { ...stage, candidateWeight: weight * 1_000 } : stage,
      ),
    }))
    expect(planRollout(inputOf({ ...slow, shadow, waves }, flat(2_000))).problems).toEqual([])
  })

  it('the margins that are named work', () => {
    const change = remedies.find(({ kind }) => kind === 'margin')?.change ?? ''
    const wider = new Map(
      [...change.matchAll(/metrics\.(\w+)\.margin\.absolute ([\d.]+)/g)].map(([, name, value]) => [
        name,
        Number(value),
      ]),
    )
    expect(wider.size).toBeGreaterThan(0)
    const metrics = slow.metrics.map((metric) => ({
      ...metric,
      margin: { kind: 'absolute' as const, value: wider.get(metric.name) ?? 0.01 },
    }))
    expect(planRollout(inputOf({ ...slow, metrics }, flat(2_000))).problems).toEqual([])
  })

  it('a budget that is spent too early is named with the calls that suffice', () => {
    const poor = { ...slow, shadow: { ...slow.shadow, budgetCalls: 50 } }
    const rich = inputOf(poor, flat(100_000))
    const planned = planRollout(rich)
    expect(planned.problems.map(({ kind }) => kind)).toEqual(['calls'])
    const budget = remediesOf(rich, planned).find(({ kind }) => kind === 'budget')?.change ?? ''
    const calls = Number(/^shadow\.budget\.calls (\d+)$/.exec(budget)?.[1])
    const raised = (budgetCalls: number) =>
      planRollout({ ...rich, spec: { ...poor, shadow: { ...poor.shadow, budgetCalls } } })
    expect(raised(calls).problems).toEqual([])
    expect(raised(calls - 1).problems).toHaveLength(1)
  })

  it('a possible plan needs none', () => {
    const fine = inputOf(specOf(), flat(100_000))
    expect(remediesOf(fine, planRollout(fine))).toEqual([])
  })

  it('what is detectable within the time is the margin whose first look that time just pays for', () => {
    const question = planRollout(input).stages[0]?.questions.find(({ metric }) => metric === 'error')
    const metrics = slow.metrics.map((metric) =>
      metric.name === 'error'
        ? { ...metric, margin: { kind: 'absolute' as const, value: question?.detectable ?? 0 } }
        : metric,
    )
    const again = planRollout(inputOf({ ...slow, metrics }, flat(2_000))).stages[0]?.questions.find(
      ({ metric }) => metric === 'error',
    )
    expect(again?.looks[0]?.hours).toBeGreaterThan(23.9)
    expect(again?.looks[0]?.hours).toBeLessThan(24.1)
  })
})
