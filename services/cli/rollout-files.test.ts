import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import rolloutSchema from '../../schemas/policy/rollout.schema.json' with { type: 'json' }
import { compilePlan } from '../domain/gate/compile-plan.ts'
import { compileRollout } from '../domain/policy/compile-rollout.ts'
import { goldenSet } from '../domain/policy/golden-set.ts'
import type { RolloutDocument } from '../domain/policy/rollout-document.ts'
import { specFromDocument } from '../domain/policy/spec-from-document.ts'
import { formatDuration, formatWeight, parseDuration, parseWeight } from '../domain/policy/units-of-measure.ts'
import { draftRun } from '../domain/rollout/sample-run.ts'
import { transition } from '../domain/rollout/transition.ts'
import { compileSchema } from '../platform/documents/json-schema.ts'
import { readDocument } from '../platform/documents/read-document.ts'

const check = compileSchema(rolloutSchema)
const examples = new URL('../../schemas/policy/examples/', import.meta.url)

function problemsOf(text: string): readonly string[] {
  const read = readDocument(text, check)
  if (read.kind === 'problems')
    return read.problems.map((problem) => `${problem.line}: ${problem.path}: ${problem.message}`)
  const result = compileRollout(read.value as RolloutDocument, null)
  if (result.kind === 'compiled') return []
  if (result.kind === 'golden_problems') throw new TypeError('no golden set was given')
  return result.problems.map(
    (problem) => `${read.lineOf(problem.path)}: ${problem.path.join('.')}: ${problem.message}; ${problem.fix}`,
  )
}

const good = `apiVersion: penstock/v1
kind: Rollout
name: prompt-edit
route: support
change: prompt
baseline: { id: v1, provider: openai, model: gpt, promptVersion: one }
candidate: { id: v2, provider: openai, model: gpt, promptVersion: two }
routers: [gateway]
`

describe('rollout files', () => {
  it.each(readdirSync(examples))('the example %s is valid and compiles', (name) => {
    const text = readFileSync(new URL(name, examples), 'utf8')
    expect(problemsOf(text)).toEqual([])
  })

  it('fills in the defaults of a prompt change and spends at most 5 % on false rollbacks', () => {
    const read = readDocument(good, check)
    if (read.kind === 'problems') throw new Error('invalid')
    const result = specFromDocument(read.value as RolloutDocument, null)
    if (result.kind === 'problems') throw new Error('refused')
    const plan = compilePlan(result.spec)
    expect(result.spec.waves[0]?.stages.map((stage) => stage.candidateWeight)).toEqual([
      0, 1_000, 10_000, 50_000, 100_000,
    ])
    expect(result.spec.deviations).toEqual([])
    expect(plan.harm.reduce((sum, test) => sum + test.alpha, 0)).toBeLessThanOrEqual(0.05)
    expect(plan.hash).toBe(compilePlan(result.spec).hash)
    expect(plan.hash).not.toBe(compilePlan({ ...result.spec, unitsMin: 41 }).hash)
  })

  it('a live-only rollout asks about live arms alone, begins in the canary and plans no shadow', () => {
    const read = readDocument(readFileSync(new URL('live-only.yaml', examples), 'utf8'), check)
    if (read.kind === 'problems') throw new Error('invalid')
    const result = compileRollout(read.value as RolloutDocument, null)
    if (result.kind !== 'compiled') throw new Error('refused')
    const { spec, plan } = result
    expect(new Set([...plan.harm, ...plan.advance].map((test) => test.comparison))).toEqual(new Set(['live_ab']))
    expect(plan.advance.map((test) => test.metric)).toEqual(['error', 'refusal', 'latency_over_budget'])
    expect(plan.calibrationPairs).toBe(0)
    const { run, effects } = transition(draftRun(spec), { kind: 'start', routeEpoch: 1 }, 0)
    expect(run.state.phase).toBe('canary')
    expect(effects.flatMap((effect) => (effect.kind === 'split' ? [effect.split.shadow] : []))).toEqual([null])
    expect(spec.deviations.join()).toContain('nothing is shadowed')
  })

  it.each([
    [
      'an unknown field with the one that was meant',
      `${good}stickykey: user\n`,
      /^9: stickykey: unknown field; did you mean `stickyKey`\?/,
    ],
    [
      'a ramp that does not begin in shadow',
      `${good}stages:\n  - weight: 5%\n  - weight: 100%\n`,
      /^10: stages\.0\.weight: the first stage must be the shadow stage; begin with/,
    ],
    [
      'weights that do not grow',
      `${good}stages:\n  - weight: 0%\n  - weight: 9%\n  - weight: 9%\n  - weight: 100%\n`,
      /weights must grow/,
    ],
    [
      'an unknown metric',
      `${good}metrics:\n  speed: { role: guardrail }\n`,
      /^10: metrics\.speed: unknown metric `speed`; use one of error/,
    ],
    [
      'a margin that is both',
      `${good}metrics:\n  error: { margin: { absolute: 0.1, relative: 0.2 } }\n`,
      /either absolute, or relative with a floor/,
    ],
    ['golden answers without a set', `${good}metrics:\n  golden_wrong: { role: guardrail }\n`, /names no golden set/],
    [
      'a mean that cannot decide',
      `${good}metrics:\n  cost_micro_usd: { role: guardrail }\n`,
      /only decide by `beyond_margin`/,
    ],
    ['a candidate equal to the baseline', good.replace('promptVersion: two', 'promptVersion: one'), /are the same/],
    [
      'a last wave that leaves traffic out',
      `${good}waves:\n  - { id: gold, match: { tier: gold } }\n`,
      /does not match everything/,
    ],
    [
      'a stage name used twice',
      `${good}stages:\n  - { weight: 0%, name: a }\n  - { weight: 100%, name: a }\n`,
      /^11: stages\.1: stage `a` appears twice/,
    ],
    [
      'a stage that must end before it may',
      `${good}stages:\n  - { weight: 0%, minDuration: 2h, maxDuration: 1h }\n  - { weight: 100% }\n`,
      /^10: stages\.0: maxDuration is shorter than minDuration; raise maxDuration/,
    ],
    [
      'a ramp without an end',
      `${good}stages:\n  - { weight: 0% }\n  - { weight: 50% }\n`,
      /^11: .*the last stage must be 100%; end with/,
    ],
    ['a duration without a unit', `${good}bake: 30\n`, /^9: bake: must be string/],
    ['a duration of an unknown unit', `${good}bake: 30min\n`, /^9: bake: must be a duration such as 500ms, 30s/],
    [
      'a weight that is no percentage',
      `${good}stages: [{ weight: "0.5" }]\n`,
      /^9: .*must be a percentage with at most three decimals/,
    ],
    [
      'a margin that accepts anything',
      `${good}metrics:\n  error: { margin: { absolute: 1 } }\n`,
      /^10: .*a margin of 1 or more accepts any rate; use/,
    ],
    [
      'a budget above the timeout',
      `${good}metrics:\n  ttft_over_budget: { budget: 2m }\n`,
      /^10: .*longer than legTimeout; lower the budget/,
    ],
    ['a lease that lapses by itself', `${good}lease: 1s\n`, /^9: lease: a lease below 5s lapses .*; use 20s/],
    [
      'a wave twice',
      `${good}waves:\n  - { id: a, match: { t: x } }\n  - { id: a }\n`,
      /^11: waves\.1\.id: wave `a` appears twice/,
    ],
    ['a missing field', good.replace('route: support\n', ''), /^1: : field `route` is missing/],
    [
      'an unknown kind of change',
      good.replace('change: prompt', 'change: promt'),
      /^5: change: must be one of prompt, model/,
    ],
    ['a file of another kind', good.replace('kind: Rollout', 'kind: Deployment'), /^2: kind: must be "Rollout"/],
    ['text that is no document', 'hello', /^1: : must be object/],
    [
      'shadowing without second legs',
      `${good}shadow: { secondLegShare: 0 }\n`,
      /^9: shadow\.secondLegShare: .*use a share above 0/,
    ],
    [
      'a segment that would be shadowed less often than everybody',
      `${good}shadow:\n  share: 0.5\n  segmentShares: { tier=gold: 0.2 }\n`,
      /^11: shadow\.segmentShares\.tier=gold: .*use a share above 0\.5/,
    ],
    [
      'a shadow stage of a live-only rollout',
      `${good}shadow: { share: 0 }\nstages:\n  - weight: 0%\n  - weight: 100%\n`,
      /^11: .*a stage at 0% could never end; begin with a canary/,
    ],
    [
      'calibration of a live-only rollout',
      `${good}shadow: { share: 0 }\ncalibrationPairs: 10\n`,
      /^10: calibrationPairs: .*leave it out/,
    ],
    [
      'critical slices of a live-only rollout',
      `${good}shadow: { share: 0 }\ncriticalSlices: [{ key: tier, value: gold }]\n`,
      /^10: criticalSlices: .*use a wave/,
    ],
    [
      'a critical slice that one of the waves does not match',
      `${good}waves:\n  - { id: silver, match: { tier: silver } }\n  - id: all\ncriticalSlices: [{ key: tier, value: gold }]\n`,
      /^12: criticalSlices\.0: no request with tier = gold can be in wave silver, .*leave the slice out/,
    ],
    [
      'a critical slice that an earlier wave takes whole',
      `${good}waves:\n  - { id: gold, match: { tier: gold } }\n  - id: all\ncriticalSlices: [{ key: tier, value: gold }]\n`,
      /^12: criticalSlices\.0: .* can be in wave all/,
    ],
    [
      'a relative margin of a live-only rollout',
      `${good}shadow: { share: 0 }\nmetrics:\n  error: { margin: { relative: 0.5, floor: 0.01 } }\n`,
      /^11: metrics\.error\.margin: .*use an absolute margin/,
    ],
    [
      'a metric of pairs in a live-only rollout',
      `${good}shadow: { share: 0 }\nmetrics:\n  output_tokens: { role: guardrail, harmRule: beyond_margin, largest: 4096 }\n`,
      /^11: metrics\.output_tokens: .*make it a signal/,
    ],
    [
      'a budget that cannot pay for the shadow stages',
      `${good}shadow:\n  budget:\n    calls: 500\n`,
      /^11: shadow\.budget\.calls: the run needs at least (\d+) shadow calls and the budget allows 500: .*; allow \1 calls or more/,
    ],
    ['broken YAML', `${good}x: [\n`, /^\d+: : /],
    ['a key written twice', `${good}route: twice\n`, /^9: : /],
  ])('refuses %s, with its line', (_, text, expected) => {
    expect(problemsOf(text).join('\n')).toMatch(expected)
  })
})

describe('golden sets', () => {
  it('are cut into chunks under one digest, whatever the order of keys', () => {
    const a = goldenSet([
      { ref: 'a', expected: 'x' },
      { promptHash: 'b', expected: 'y' },
    ])
    const b = goldenSet([
      { expected: 'x', ref: 'a' },
      { expected: 'y', promptHash: 'b' },
    ])
    expect(a).toEqual(b)
    const large = goldenSet(
      Array.from({ length: 3_000 }, (_, index) => ({ ref: `r${index}`, expected: 'x'.repeat(300) })),
    )
    expect(large.kind === 'set' && large.chunks.length).toBeGreaterThan(1)
  })

  it('say which line is wrong', () => {
    expect(goldenSet([{ ref: 'a', expected: 'x' }, { expected: 'y' }])).toEqual({
      kind: 'problems',
      problems: [{ line: 2, message: 'needs `ref` or `promptHash`' }],
    })
    expect(
      goldenSet([{ ref: 'a', expected: 'x', rule: { kind: 'last_match', pattern: '(?=a)', flags: '' } }]),
    ).toMatchObject({ kind: 'problems' })
  })
})

it('reads and writes durations and weights', () => {
  expect(['500ms', '1.5s', '15m', '24h', '7d', '5 min'].map(parseDuration)).toEqual([
    500,
    1_500,
    900_000,
    86_400_000,
    604_800_000,
    null,
  ])
  expect(['0%', '1%', '12.5%', '100%', '101%', '5'].map(parseWeight)).toEqual([0, 1_000, 12_500, 100_000, null, null])
  expect([500, 90_000, 3_600_000, 90_000_000].map(formatDuration)).toEqual(['500ms', '1m 30s', '1h', '1d 1h'])
  expect([0, 12_500, 100_000].map(formatWeight)).toEqual(['0%', '12.5%', '100%'])
})
