import { isRecord } from './payload.ts'

const weightMax = 100_000
const wavesMax = 100
/** Each wave that is tested side by side has states of its own at the gate, and 1/K of α: with more, none would ever have its evidence. */
const wavesTogetherMax = 20
const stagesMax = 50

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isShares(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((share) => typeof share === 'number' && share > 0 && share <= 1)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function variantProblems(value: unknown, where: string): string[] {
  if (!isRecord(value)) return [`${where} is missing`]
  return ['id', 'provider', 'model'].flatMap((field) => (isText(value[field]) ? [] : [`${where}.${field} is empty`]))
}

function stageProblems(stage: unknown, where: string): string[] {
  if (!isRecord(stage)) return [`${where} is not a stage`]
  const problems: string[] = []
  const weight = stage['candidateWeight']
  if (!isText(stage['name'])) problems.push(`${where}.name is empty`)
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0 || weight > weightMax)
    problems.push(`${where}.candidateWeight is not a whole number from 0 to ${weightMax}`)
  if (!isDuration(stage['minDurationMs'])) problems.push(`${where}.minDurationMs is not a duration`)
  if (!isDuration(stage['maxDurationMs'])) problems.push(`${where}.maxDurationMs is not a duration`)
  if (stage['approval'] !== 'automatic' && stage['approval'] !== 'manual')
    problems.push(`${where}.approval is neither automatic nor manual`)
  if (stage['onLapse'] !== 'baseline' && stage['onLapse'] !== 'hold')
    problems.push(`${where}.onLapse is neither baseline nor hold`)
  return problems
}

function waveProblems(wave: unknown, where: string, isShadowed: boolean): string[] {
  if (!isRecord(wave)) return [`${where} is not a wave`]
  const problems: string[] = []
  const match = wave['match']
  if (!isText(wave['id'])) problems.push(`${where}.id is empty`)
  if (!isRecord(match) || !Object.values(match).every((value) => typeof value === 'string'))
    problems.push(`${where}.match is not a map of texts`)
  const stages: unknown = wave['stages']
  if (!Array.isArray(stages) || stages.length === 0 || stages.length > stagesMax)
    return [...problems, `${where}.stages needs 1 to ${stagesMax} stages`]
  problems.push(...stages.flatMap((stage: unknown, index) => stageProblems(stage, `${where}.stages[${index}]`)))
  const first: unknown = stages[0]
  if (isShadowed && isRecord(first) && first['candidateWeight'] !== 0)
    problems.push(`${where}.stages[0] is the shadow stage, its candidateWeight has to be 0`)
  return problems
}

function unique(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length
}

/**
 * What the state machine relies on in a rollout spec that came over the wire; empty when all is well. The API has checked the rollout
 * file in full before; this keeps any other writer of commands from putting a run into a state nobody can leave.
 */
export function specProblems(spec: unknown): readonly string[] {
  if (!isRecord(spec)) return ['spec is missing']
  const problems = [
    ...variantProblems(spec['baseline'], 'baseline'),
    ...variantProblems(spec['candidate'], 'candidate'),
  ]
  for (const field of ['name', 'route', 'stickyKey'] as const)
    if (!isText(spec[field])) problems.push(`${field} is empty`)
  for (const field of ['leaseMs', 'bakeMs', 'cooldownMs', 'legTimeoutMs'] as const)
    if (!isDuration(spec[field])) problems.push(`${field} is not a duration`)
  const { baseline, candidate, routers, shadow, waves } = spec as Readonly<Record<string, unknown>>
  if (isRecord(baseline) && isRecord(candidate) && baseline['id'] === candidate['id'])
    problems.push('baseline and candidate have the same id')
  if (!Array.isArray(routers) || routers.length === 0 || !routers.every(isText) || !unique(routers))
    problems.push('routers needs at least one router, each once')
  if (
    !isRecord(shadow) ||
    !['share', 'secondLegShare', 'deadlineMs', 'budgetMicroUsd', 'budgetCalls'].every((field) =>
      isDuration(shadow[field]),
    )
  ) {
    problems.push('shadow needs share, secondLegShare, deadlineMs, budgetMicroUsd and budgetCalls')
  }
  if (isRecord(shadow) && shadow['segmentShares'] !== undefined && !isShares(shadow['segmentShares']))
    problems.push('shadow.segmentShares is not a map of shares')
  if (!Array.isArray(waves) || waves.length === 0 || waves.length > wavesMax)
    return [...problems, `waves needs 1 to ${wavesMax} waves`]
  problems.push(
    ...waves.flatMap((wave: unknown, index) =>
      waveProblems(wave, `waves[${index}]`, !isRecord(shadow) || shadow['share'] !== 0),
    ),
  )
  const { waveOrder } = spec as Readonly<Record<string, unknown>>
  if (waveOrder !== undefined && waveOrder !== 'sequence' && waveOrder !== 'together')
    problems.push('waveOrder is neither sequence nor together')
  if (waveOrder === 'together' && waves.length > wavesTogetherMax)
    problems.push(`at most ${wavesTogetherMax} waves may run together`)
  if (!unique(waves.map((wave: unknown) => (isRecord(wave) ? wave['id'] : null))))
    problems.push('waves have the same id')
  return problems
}
