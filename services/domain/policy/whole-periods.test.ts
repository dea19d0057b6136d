import { describe, expect, it } from 'vitest'
import { sampleSpec } from '../gate/sample-evidence.ts'
import type { RolloutDocument } from './rollout-document.ts'
import { specFromDocument } from './spec-from-document.ts'

const hour = 3_600_000
const day = 24 * hour

function durations(change: Partial<RolloutDocument>): readonly (readonly [string, number, number | null])[] {
  const stages = sampleSpec(change).waves[0]?.stages ?? []
  return stages.map(({ name, minDurationMs, wholePeriodMs }) => [name, minDurationMs, wholePeriodMs])
}

const written = [
  { weight: '0%', minDuration: '5s' },
  { weight: '1%', minDuration: '5s' },
  { weight: '10%', minDuration: '30h' },
  { weight: '50%' },
  { weight: '100%' },
]

describe('whole seasonal periods of a stage', () => {
  it('are a day at 10 % and 50 % of a model, at least an hour at 1 %, and none of a prompt', () => {
    expect(durations({ change: 'model' }).slice(1)).toEqual([
      ['canary-1', hour, null],
      ['canary-10', day, day],
      ['canary-50', day, day],
      ['full', 0, null],
    ])
    expect(durations({ change: 'prompt' }).every(([, , period]) => period === null)).toBe(true)
  })

  it('round a written minimum up where the file names a season, and leave it where it names none', () => {
    expect(durations({ stages: written, seasonalPeriod: '24h' })).toEqual([
      ['shadow', 5_000, null],
      ['canary-1', hour, null],
      ['canary-10', 2 * day, day],
      ['canary-50', day, day],
      ['full', 0, null],
    ])
    expect(durations({ stages: written }).map(([, min]) => min)).toEqual([5_000, 5_000, 30 * hour, 0, 0])
  })

  it('may be weeks, and a stage that would be over before one is refused with the fix', () => {
    expect(durations({ seasonalPeriod: '7d' })[2]).toEqual(['canary-10', 7 * day, 7 * day])
    const stages = [{ weight: '0%' }, { weight: '10%', maxDuration: '7d' }, { weight: '100%' }]
    const variant = (id: string) => ({ id, provider: 'p', model: id })
    const result = specFromDocument(
      {
        name: 'sample',
        route: 'chat',
        change: 'prompt',
        baseline: variant('a'),
        candidate: variant('b'),
        routers: ['r'],
        stages,
        seasonalPeriod: '7d',
      },
      null,
    )
    expect(result).toMatchObject({
      kind: 'problems',
      problems: [{ path: ['stages', 1], fix: 'raise maxDuration above 7d, or use a shorter seasonalPeriod' }],
    })
  })
})
