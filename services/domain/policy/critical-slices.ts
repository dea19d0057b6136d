import type { RolloutSpec } from '../rollout/spec.ts'
import type { PolicyProblem } from './rollout-document.ts'

type Match = Readonly<Record<string, string>>

/** A critical slice that no request of some wave can be of: that wave would wait for it for ever. */
export function sliceOutsideWave({ criticalSlices, waves }: RolloutSpec): PolicyProblem | null {
  for (const [index, { key, value }] of criticalSlices.entries()) {
    const wave = waves.find(({ match }, at) => isOutside(key, value, match, waves.slice(0, at)))
    if (wave === undefined) continue
    return {
      path: ['criticalSlices', index],
      message: `no request with ${key} = ${value} can be in wave ${wave.id}, which would wait for it for ever`,
      fix: 'leave the slice out (a wave of its own has evidence of its own), or change what the wave matches',
    }
  }
  return null
}

/** The first wave that matches takes a request: a slice is outside where the wave wants another value, or an earlier one takes all of it. */
function isOutside(key: string, value: string, match: Match, earlier: readonly { readonly match: Match }[]): boolean {
  if ((match[key] ?? value) !== value) return true
  const known: Match = { ...match, [key]: value }
  return earlier.some((wave) => Object.entries(wave.match).every(([name, wanted]) => known[name] === wanted))
}
