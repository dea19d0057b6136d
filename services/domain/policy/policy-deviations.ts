import type { RolloutSpec } from '../rollout/spec.ts'
import * as defaults from './default-policy.ts'
import { formatDuration } from './units-of-measure.ts'

/**
 * Where a rollout asks for less evidence or less time than the defaults recommend: one sentence each. Stricter settings are nobody's concern.
 */
export function deviationsOf(spec: RolloutSpec): readonly string[] {
  const found: string[] = []
  if (spec.shadow.share === 0)
    found.push('nothing is shadowed: the candidate is judged unpaired, on live traffic alone')
  const below = (what: string, value: number, recommended: number, show: (v: number) => string = String) => {
    if (value < recommended) found.push(`${what} ${show(value)} instead of ${show(recommended)}`)
  }
  const recommendedStages = new Map(
    defaults.defaultStages[spec.change].map((stage) => [stage.candidateWeight, stage.minDurationMs]),
  )
  for (const wave of spec.waves) {
    for (const stage of wave.stages) {
      const recommended = recommendedStages.get(stage.candidateWeight)
      if (recommended !== undefined)
        below(`stage ${stage.name} of wave ${wave.id}: at least`, stage.minDurationMs, recommended, formatDuration)
    }
  }
  below('bake', spec.bakeMs, defaults.defaultBakeMs[spec.change], formatDuration)
  below('cooldown', spec.cooldownMs, defaults.defaultCooldownMs, formatDuration)
  if (spec.shadow.share > 0) below('calibration pairs', spec.calibrationPairs, defaults.defaultCalibrationPairs)
  below('units at least', spec.unitsMin, defaults.defaultUnitsMin)
  below('sticky keys at least', spec.stickyKeysMin, defaults.defaultStickyKeysMin)
  below('join completeness at least', spec.joinCompletenessMin, defaults.defaultJoinCompletenessMin)
  below('exceedance window', spec.exceedance.windowMs, defaults.defaultExceedance.windowMs, formatDuration)
  if (spec.alphaAdvance > defaults.defaultAlphaAdvance)
    found.push(`α of an advance ${spec.alphaAdvance} instead of ${defaults.defaultAlphaAdvance}`)
  if (spec.betaTotal > defaults.defaultBetaTotal)
    found.push(`total β ${spec.betaTotal} instead of ${defaults.defaultBetaTotal}`)
  for (const metric of spec.metrics) {
    if (metric.role !== 'guardrail' && metric.role !== 'primary') continue
    const base = defaults.defaultMetrics.find((candidate) => candidate.name === metric.name)
    if (
      base?.margin.kind === 'absolute' &&
      metric.margin.kind === 'absolute' &&
      metric.margin.value > base.margin.value
    ) {
      found.push(`margin of ${metric.name} ${metric.margin.value} instead of ${base.margin.value}`)
    }
  }
  return found
}
