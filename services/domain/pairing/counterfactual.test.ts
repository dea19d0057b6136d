import { describe, expect, it } from 'vitest'
import type { Arm, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { metricCatalogue } from '../scoring/catalogue.ts'
import type { LegFacts } from '../scoring/leg-facts.ts'
import { sha256Hex } from '../scoring/normalise.ts'
import { type KnownExchange, legKey, pairedEvidence } from './evidence-of.ts'

const place = { run: 'run', wave: 'w', stage_entry: 1, stage: 's', epoch: 1, rule: 'r', candidate_weight: 50_000 }
const leg = (arm: Arm, of: 'live' | 'shadow', refused: boolean) =>
  ({ arm, leg: of, resolution: 'answered', durationMs: 10, refused, hasOutput: true, isWhole: true }) as LegFacts
const metrics = metricCatalogue
  .filter(({ name }) => name === 'refusal' || name === 'error')
  .map((metric) => ({ ...metric, role: 'guardrail', mustHaveData: true, horizonMs: 1_000, budgetMs: null }))
const analysis = { metrics, legTimeoutMs: 1_000 } as unknown as AnalysisPlan

const known = (live: Arm, legs: ShadowPlan['legs'], heard: readonly LegFacts[]): KnownExchange => ({
  facts: {
    exchangeId: 'x',
    request: {
      place,
      live_arm: live,
      assignment: 'split',
      assignment_unit: 'u',
      turn: 0,
      tenant: 't',
      segments: {},
      golden_ref: null,
    },
    arrivedAtMs: 0,
    unit: 'u',
    promptHash: null,
    hasText: true,
  },
  plan: { place, legs },
  legs: new Map(heard.map((facts) => [legKey(facts.arm, facts.leg), facts])),
  hash: sha256Hex,
})

describe('a counterfactual', () => {
  const planned = [{ arm: 'baseline' as const, content_ab_p: 0.3, shadow_ab_p: 0, aa_p: 0 }]
  const exchange = known('candidate', planned, [leg('candidate', 'live', true), leg('baseline', 'shadow', false)])

  it('is a pair of content, each answer on its own side, and of nothing else', () => {
    expect(pairedEvidence(analysis, exchange, 'content_ab', 1_000, false)).toMatchObject({
      inclusion_p: 0.3,
      baseline_resolution: 'answered',
      candidate_resolution: 'answered',
      metrics: [{ name: 'refusal', baseline: 0, candidate: 1 }],
    })
    for (const comparison of ['shadow_ab', 'aa'] as const)
      expect(pairedEvidence(analysis, exchange, comparison, 1_000, false)).toBeNull()
  })

  it('of a later turn is none: both answers continue what the candidate said', () => {
    const { facts } = exchange
    const later = { ...exchange, facts: { ...facts, request: { ...facts.request, turn: 1 } } }
    expect(pairedEvidence(analysis, later, 'content_ab', 1_000, false)).toBeNull()
    const legs = [{ arm: 'candidate' as const, content_ab_p: 1, shadow_ab_p: 0, aa_p: 0 }]
    const usual = known('baseline', legs, [leg('baseline', 'live', false), leg('candidate', 'shadow', true)])
    const request = { ...usual.facts.request, turn: 1 }
    const shadowed = { ...usual, facts: { ...usual.facts, request } }
    expect(pairedEvidence(analysis, shadowed, 'content_ab', 1_000, false)?.turn).toBe(1)
  })

  it('that was not planned is none', () => {
    expect(pairedEvidence(analysis, known('candidate', [], []), 'content_ab', 1_000, false)).toBeNull()
  })

  it('changes nothing where the baseline answered live', () => {
    const legs = [{ arm: 'candidate' as const, content_ab_p: 1, shadow_ab_p: 0, aa_p: 0 }]
    const usual = known('baseline', legs, [leg('baseline', 'live', false), leg('candidate', 'shadow', true)])
    expect(pairedEvidence(analysis, usual, 'content_ab', 1_000, false)?.metrics).toEqual([
      { name: 'refusal', baseline: 0, candidate: 1 },
    ])
  })
})
