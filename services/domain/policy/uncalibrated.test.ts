import { expect, it } from 'vitest'
import { sampleSpec } from '../gate/sample-evidence.ts'
import type { RolloutDocument } from './rollout-document.ts'

const refused = (change: Partial<RolloutDocument>) => () => sampleSpec({ calibrationPairs: 0, ...change })

it('refuses a run that could only hold for ever, because what its metric needs is frozen from pairs that it does not take', () => {
  const amount = { cost_micro_usd: { role: 'guardrail', harmRule: 'beyond_margin' } } as const
  expect(refused({ metrics: amount })).toThrow(/cost_micro_usd is an amount.*holds for ever.*calibrate with some/)
  const relative = { refusal: { margin: { relative: 0.5, floor: 0.01 } } }
  expect(refused({ metrics: relative })).toThrow(/refusal has a relative margin.*write an absolute margin/)
  expect(refused({ metrics: amount, calibrationPairs: 100 })).not.toThrow()
  expect(refused({})).not.toThrow()
})
