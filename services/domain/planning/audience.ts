import type { Slice } from '../gate/plan.ts'
import type { RolloutSpec, WaveSpec } from '../rollout/spec.ts'
import type { TrafficProfile } from './traffic-profile.ts'

/** Hourly requests of a wave, or of a segment within it. */
type Hourly = readonly number[]

/** Columns that a rollout needs of a profile and that it does not have. */
export function missingColumns(spec: RolloutSpec, traffic: TrafficProfile): readonly string[] {
  const wanted = [
    ...spec.waves.flatMap((wave) => Object.entries(wave.match).map(([key, value]) => `${key}=${value}`)),
    ...spec.criticalSlices.map(({ key, value }) => `${key}=${value}`),
    ...Object.keys(spec.shadow.segmentShares ?? {}),
  ]
  const missing = [...new Set(wanted)].filter((name) => !Object.hasOwn(traffic.segments, name))
  const golden = spec.metrics.find(({ name }) => name === 'golden_wrong')
  const decides = golden?.role === 'guardrail' || golden?.role === 'primary'
  const asksGolden = decides && golden.mustHaveData
  return asksGolden && traffic.hourlyGolden === null ? [...missing, 'golden'] : missing
}

/**
 * Share of each hour's requests that a wave gets, or a critical segment of it. The first wave that matches takes a request, so a later wave has
 * what earlier ones leave. Keys of different names are taken as independent of each other: the profile has no crosses.
 */
export function audienceShares(spec: RolloutSpec, traffic: TrafficProfile, wave: WaveSpec, slice: Slice): Hourly {
  const index = spec.waves.indexOf(wave)
  return traffic.hourlyRequests.map((requests, hour) => {
    const shareOf = (key: string, value: string) =>
      requests > 0 ? Math.min(1, (traffic.segments[`${key}=${value}`]?.[hour] ?? 0) / requests) : 0
    const matching = (terms: readonly Readonly<Record<string, string>>[]) => conjunction(terms, shareOf)
    const wanted = [wave.match, ...(slice === null ? [] : [{ [slice.key]: slice.value }])]
    const earlier = spec.waves.slice(0, index)
    return Math.max(0, matching(wanted) - earlier.reduce((sum, taken) => sum + matching([...wanted, taken.match]), 0))
  })
}

/** Chance that a request matches all of them: 0 when two ask for different values of one key. */
function conjunction(
  terms: readonly Readonly<Record<string, string>>[],
  shareOf: (key: string, value: string) => number,
): number {
  const values = new Map<string, string>()
  for (const term of terms)
    for (const [key, value] of Object.entries(term)) {
      if ((values.get(key) ?? value) !== value) return 0
      values.set(key, value)
    }
  return [...values].reduce((product, [key, value]) => product * shareOf(key, value), 1)
}
