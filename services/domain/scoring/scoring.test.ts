import { describe, expect, it } from 'vitest'
import type { PlannedMetric } from '../gate/plan.ts'
import type { GoldenRule } from '../rollout/spec.ts'
import { metricCatalogue } from './catalogue.ts'
import { isGoldenWrong, patternProblem } from './golden.ts'
import type { LegFacts } from './leg-facts.ts'
import { legOutcome, pairOutcome } from './leg-outcomes.ts'
import { normalisedText } from './normalise.ts'
import { isRefusal } from './refusal.ts'
import { sketchOf } from './sketch.ts'

const wrong = (rule: GoldenRule, expected: string, text: string) =>
  isGoldenWrong({ ref: null, promptHash: null, expected, rule }, text)

describe('golden answers', () => {
  it.each([
    [{ kind: 'exact' }, 'yes', ' yes\n', false],
    [{ kind: 'exact' }, 'yes', 'Yes', true],
    [{ kind: 'normalised' }, 'Paris', '**paris.**', false],
    [{ kind: 'numeric', tolerance: 0.01 }, '1234.5', 'it is 1,234.50', false],
    [{ kind: 'numeric', tolerance: 0.01 }, '3', 'no number here', true],
    [{ kind: 'numeric', tolerance: 0 }, '-5', 'x = \u22125', false],
    [{ kind: 'numeric', tolerance: 0 }, '5', 'between 3-5', false],
    [{ kind: 'numeric', tolerance: 0 }, '1234567', '1,234,567', false],
    [{ kind: 'numeric', tolerance: 1 }, '3', '1e999', true],
    [{ kind: 'json' }, '{"a":1,"b":[2]}', '```json\n{"b":[2],"a":1}\n```', false],
    [{ kind: 'json' }, '{"a":1}', '{"a":', true],
    [
      { kind: 'last_match', pattern: '\\b(yes|no)\\b', flags: 'i', fold: true },
      'no',
      'Yes, at first. But [No].',
      false,
    ],
    [{ kind: 'last_match', pattern: '\\b(yes|no)\\b', flags: 'i', fold: true }, 'no', 'nothing', true],
  ] as const)('%j expects %s of %s', (rule, expected, text, isWrong) => {
    expect(wrong(rule, expected, text)).toBe(isWrong)
  })

  it('refuses patterns that could take for ever', () => {
    const rule = (pattern: string) => ({ kind: 'last_match', pattern, flags: '', fold: false }) as const
    expect(patternProblem(rule('('))).not.toBeNull()
    expect(patternProblem(rule('(?=x)'))).not.toBeNull()
    expect(patternProblem(rule('(a)\\1'))).not.toBeNull()
    expect(patternProblem(rule('a'.repeat(501)))).toMatch(/longer/)
    expect(patternProblem({ ...rule('a'), flags: 'iy' })).toMatch(/`y`/)
    expect(patternProblem(rule('boxed\\{([^}]*)\\}'))).toBeNull()
  })

  it.each(['(a+)+$', '((a+))+$', '(a|a)+$', '(a|aa)+$', '([^)]+)+$', '(?:a{1,30}){1,30}b', 'a*a*a*a*a*a*b'])(
    'takes time in proportion to the text for %s',
    (pattern) => {
      // A backtracking engine would run into the time limit of this test by many orders of magnitude.
      const rule = { kind: 'last_match', pattern, flags: '', fold: false } as const
      expect(wrong(rule, 'never', `${'a'.repeat(100_000)}!`)).toBe(true)
    },
  )

  it.each([
    ['normalised', `${'.'.repeat(900_000)}x`],
    ['normalised', `${'!? '.repeat(300_000)}x`],
    ['json', `\`\`\`json${' '.repeat(900_000)}x`],
    ['json', '['.repeat(500_000)],
  ] as const)('bears answers that got stuck: %s', (kind, text) => {
    expect(wrong({ kind }, '{"a":1}', text)).toBe(true)
  })

  it('compares long answers whole, and searches the end of them for numbers', () => {
    const long = 'x'.repeat(50_000)
    expect(wrong({ kind: 'exact' }, long, ` ${long} `)).toBe(false)
    expect(wrong({ kind: 'json' }, JSON.stringify([long]), JSON.stringify([long]))).toBe(false)
    expect(wrong({ kind: 'numeric', tolerance: 0 }, '7', `${'1 '.repeat(30_000)}7`)).toBe(false)
  })
})

describe('refusals', () => {
  it('believes the provider first, then its finish reason, then the opening of the text', () => {
    const answer = { refusal: null, finishReason: 'stop', text: 'Sure!' }
    expect(isRefusal(answer)).toBe(false)
    expect(isRefusal({ ...answer, refusal: 'no' })).toBe(true)
    expect(isRefusal({ ...answer, finishReason: 'content_filter' })).toBe(true)
    expect(isRefusal({ ...answer, text: "I'm sorry, but I can't assist with that." })).toBe(true)
    for (const text of [
      "I'm unable to help with that.",
      'I’m not able to provide this.',
      'I cannot assist with that request.',
      'I am unable to comply.',
      "Unfortunately, I can't help.",
      "As an AI language model, I'm unable to feel.",
      'As an AI, I do not have opinions.',
    ])
      expect(isRefusal({ ...answer, text })).toBe(true)
    expect(isRefusal({ ...answer, text: "I'm able to help with that." })).toBe(false)
    expect(isRefusal({ ...answer, text: 'I can provide three examples.' })).toBe(false)
    expect(isRefusal({ ...answer, text: 'She said: "I cannot help you", and left.' })).toBe(false)
  })
})

const outcome = (planned: PlannedMetric, leg: LegFacts | null, hasText = true) => legOutcome(planned, leg, hasText)

const facts: LegFacts = {
  arm: 'baseline',
  leg: 'live',
  resolution: 'answered',
  durationMs: 1_500,
  ttftMs: 300,
  inputTokens: 1,
  outputTokens: 2,
  costMicroUsd: 3,
  refused: false,
  lengthChars: 4,
  exactHash: 'a',
  normalisedHash: 'n',
  sketch: sketchOf('one two three four'),
  goldenWrong: null,
  hasOutput: true,
  isWhole: true,
}

function metric(name: string, horizonMs: number, budgetMs: number | null = null): PlannedMetric {
  const entry = metricCatalogue.find((candidate) => candidate.name === name)
  if (entry === undefined) throw new Error(name)
  return { ...entry, role: 'guardrail', mustHaveData: true, horizonMs, budgetMs }
}

describe('outcomes of a leg', () => {
  it('are final at the horizon, by the leg’s own duration', () => {
    const failed = { ...facts, resolution: 'failed' as const }
    expect(outcome(metric('fast_error', 2_000), failed)).toBe(1)
    expect(outcome(metric('fast_error', 2_000), { ...failed, durationMs: 2_001 })).toBe(0)
    expect(outcome(metric('error', 3_000), { ...facts, resolution: 'timed_out', durationMs: 3_000 })).toBe(1)
    expect(outcome(metric('latency_over_budget', 1_000, 1_000), facts)).toBe(1)
    expect(outcome(metric('latency_over_budget', 1_000, 1_000), { ...failed, durationMs: 10 })).toBeNull()
    expect(outcome(metric('ttft_over_budget', 400, 400), facts)).toBe(0)
  })

  it('of a leg that was never heard of are 0 at a fast horizon and undefined at the full one', () => {
    expect(outcome(metric('fast_error', 2_000), null)).toBe(0)
    expect(outcome(metric('error', 3_000), null)).toBeNull()
    expect(outcome(metric('refusal', 3_000), null)).toBeNull()
  })

  it('of a leg that was never asked for are undefined, fast ones too: it is not sampled', () => {
    for (const resolution of ['skipped_budget', 'skipped_policy', 'skipped_backlog', 'shadow_infrastructure'] as const)
      for (const entry of metricCatalogue)
        expect(outcome(metric(entry.name, 2_000, 1_000), { ...facts, resolution, durationMs: 0 })).toBeNull()
  })

  it('of an answer that its client cut off leave out score, cost, latency and length, and are no error', () => {
    const aborted = { ...facts, resolution: 'aborted_by_client' as const, durationMs: 60_000 }
    const left = metricCatalogue.filter((entry) => outcome(metric(entry.name, 3_000, 1_000), aborted) !== null)
    expect(left.map(({ name }) => name)).toEqual(['error', 'fast_error', 'abandoned', 'fast_refusal'])
  })

  it('count failures and timeouts as errors, in both arms alike', () => {
    for (const arm of ['baseline', 'candidate'] as const)
      for (const resolution of ['failed', 'timed_out'] as const)
        expect(outcome(metric('error', 3_000), { ...facts, arm, resolution })).toBe(1)
  })

  it('of a budget are read when a slow answer has ended, however long after the budget', () => {
    for (const name of ['latency_over_budget', 'ttft_over_budget'])
      expect(metricCatalogue.find((entry) => entry.name === name)?.horizon.kind).toBe('full')
    expect(outcome(metric('latency_over_budget', 60_000, 1_000), { ...facts, durationMs: 50_000 })).toBe(1)
    expect(
      outcome(metric('latency_over_budget', 60_000, 1_000), { ...facts, resolution: 'timed_out', durationMs: 60_000 }),
    ).toBe(1)
  })

  it('of a text that was cut short say nothing about the whole', () => {
    const cut = { ...facts, isWhole: false }
    expect(outcome(metric('length_chars', 3_000), cut)).toBeNull()
    expect(outcome(metric('refusal', 3_000), cut)).toBe(0)
    expect(pairOutcome('differs_exact', cut, facts)).toBeNull()
  })

  it('say nothing about refusals where texts were not captured, also of a leg never heard of', () => {
    for (const leg of [facts, null]) expect(outcome(metric('fast_refusal', 5_000), leg, false)).toBeNull()
  })

  it('content of unanswered legs and of texts that were not captured is undefined', () => {
    expect(outcome(metric('refusal', 3_000), { ...facts, resolution: 'failed' })).toBeNull()
    expect(outcome(metric('refusal', 3_000), { ...facts, hasOutput: false })).toBeNull()
    expect(outcome(metric('abandoned', 3_000), { ...facts, resolution: 'abandoned' })).toBe(1)
    expect(outcome(metric('error', 3_000), { ...facts, resolution: 'abandoned' })).toBe(0)
    expect(pairOutcome('differs_exact', facts, { ...facts, exactHash: 'b' })).toBe(1)
    expect(pairOutcome('dissimilarity', facts, facts)).toBe(0)
    expect(pairOutcome('dissimilarity', facts, { ...facts, sketch: sketchOf('five six seven') })).toBe(1)
    expect(pairOutcome('dissimilarity', facts, { ...facts, isWhole: false })).toBeNull()
    expect(pairOutcome('differs_exact', facts, { ...facts, resolution: 'failed' })).toBeNull()
  })

  it('normalises case, spacing, marks and the closing stop', () => {
    expect(normalisedText('  **Hello**,\n World! ')).toBe('hello, world')
  })
})
