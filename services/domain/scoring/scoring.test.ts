import { describe, expect, it } from 'vitest'
import type { PlannedMetric } from '../gate/plan.ts'
import type { GoldenRule } from '../rollout/spec.ts'
import { metricCatalogue } from './catalogue.ts'
import { isGoldenWrong, patternProblem } from './golden.ts'
import type { LegFacts } from './leg-facts.ts'
import { legOutcome, pairOutcome } from './leg-outcomes.ts'
import { normalisedText } from './normalise.ts'
import { isRefusal } from './refusal.ts'

const wrong = (rule: GoldenRule, expected: string, text: string) =>
  isGoldenWrong({ ref: null, promptHash: null, expected, rule }, text)

describe('golden answers', () => {
  it.each([
    [{ kind: 'exact' }, 'yes', ' yes\n', false],
    [{ kind: 'exact' }, 'yes', 'Yes', true],
    [{ kind: 'normalised' }, 'Paris', '**paris.**', false],
    [{ kind: 'numeric', tolerance: 0.01 }, '1234.5', 'it is 1,234.50', false],
    [{ kind: 'numeric', tolerance: 0.01 }, '3', 'no number here', true],
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
    expect(patternProblem(rule('(a+)+$'))).toMatch(/repeats/)
    expect(patternProblem(rule('('))).not.toBeNull()
    expect(patternProblem(rule('boxed\\{([^}]*)\\}'))).toBeNull()
  })
})

describe('refusals', () => {
  it('believes the provider first, then its finish reason, then the opening of the text', () => {
    const answer = { refusal: null, finishReason: 'stop', text: 'Sure!' }
    expect(isRefusal(answer)).toBe(false)
    expect(isRefusal({ ...answer, refusal: 'no' })).toBe(true)
    expect(isRefusal({ ...answer, finishReason: 'content_filter' })).toBe(true)
    expect(isRefusal({ ...answer, text: "I'm sorry, but I can't assist with that." })).toBe(true)
    expect(isRefusal({ ...answer, text: 'She said: "I cannot help you", and left.' })).toBe(false)
  })
})

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
  goldenWrong: null,
  hasOutput: true,
}

function metric(name: string, horizonMs: number, budgetMs: number | null = null): PlannedMetric {
  const entry = metricCatalogue.find((candidate) => candidate.name === name)
  if (entry === undefined) throw new Error(name)
  return { ...entry, role: 'guardrail', mustHaveData: true, horizonMs, budgetMs }
}

describe('outcomes of a leg', () => {
  it('are final at the horizon, by the leg’s own duration', () => {
    const failed = { ...facts, resolution: 'failed' as const }
    expect(legOutcome(metric('fast_error', 2_000), failed)).toBe(1)
    expect(legOutcome(metric('fast_error', 2_000), { ...failed, durationMs: 2_001 })).toBe(0)
    expect(legOutcome(metric('error', 3_000), { ...facts, resolution: 'timed_out', durationMs: 3_000 })).toBe(1)
    expect(legOutcome(metric('latency_over_budget', 1_000, 1_000), facts)).toBe(1)
    expect(legOutcome(metric('latency_over_budget', 1_000, 1_000), { ...failed, durationMs: 10 })).toBeNull()
    expect(legOutcome(metric('ttft_over_budget', 400, 400), facts)).toBe(0)
  })

  it('of a leg that was never heard of are 0 at a fast horizon and undefined at the full one', () => {
    expect(legOutcome(metric('fast_error', 2_000), null)).toBe(0)
    expect(legOutcome(metric('error', 3_000), null)).toBeNull()
    expect(legOutcome(metric('refusal', 3_000), null)).toBeNull()
  })

  it('content of unanswered legs and of texts that were not captured is undefined', () => {
    expect(legOutcome(metric('refusal', 3_000), { ...facts, resolution: 'failed' })).toBeNull()
    expect(legOutcome(metric('refusal', 3_000), { ...facts, hasOutput: false })).toBeNull()
    expect(legOutcome(metric('abandoned', 3_000), { ...facts, resolution: 'abandoned' })).toBe(1)
    expect(legOutcome(metric('error', 3_000), { ...facts, resolution: 'abandoned' })).toBe(0)
    expect(pairOutcome('differs_exact', facts, { ...facts, exactHash: 'b' })).toBe(1)
    expect(pairOutcome('differs_exact', facts, { ...facts, resolution: 'failed' })).toBeNull()
  })

  it('normalises case, spacing, marks and the closing stop', () => {
    expect(normalisedText('  **Hello**,\n World! ')).toBe('hello, world')
  })
})
