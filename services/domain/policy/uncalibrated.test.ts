import { expect, it } from 'vitest'
import { sampleSpec } from '../gate/sample-evidence.ts'
import type { RolloutDocument } from './rollout-document.ts'

const refused = (change: Partial<RolloutDocument>) => () => sampleSpec({ calibrationPairs: 0, ...change })

it('refuses a run that could only hold for ever, because what its metric needs is frozen from pairs that it does not take', () => {
  const amount = { cost_micro_usd: { role: 'guardrail', harmRule: 'beyond_margin', largest: 100_000 } } as const
  expect(refused({ metrics: amount })).toThrow(/cost_micro_usd is an amount.*holds for ever.*calibrate with some/)
  const relative = { refusal: { margin: { relative: 0.5, floor: 0.01 } } }
  expect(refused({ metrics: relative })).toThrow(/refusal has a relative margin.*write an absolute margin/)
  expect(refused({ metrics: amount, calibrationPairs: 100 })).not.toThrow()
  expect(refused({})).not.toThrow()
})

it('asks for the largest value of an amount that decides, and takes no assumption that nobody would read', () => {
  const decides = { role: 'guardrail', harmRule: 'beyond_margin' } as const
  const given = (metrics: NonNullable<RolloutDocument['metrics']>) => refused({ metrics, calibrationPairs: 100 })
  expect(given({ output_tokens: decides })).toThrow(/output_tokens decides and has no largest value.*add `largest`/)
  expect(given({ latency_ms: decides })).not.toThrow()
  expect(given({ output_tokens: { ...decides, largest: 10, margin: { absolute: 10 } } })).toThrow(/accepts any amount/)
  expect(given({ output_tokens: { assumedRate: 0.5 } })).toThrow(/is an amount.*use assumedMean and assumedSpread/)
  expect(given({ refusal: { assumedMean: 5 } })).toThrow(/refusal is a rate.*use assumedRate/)
})
