import type { RolloutSpec } from '../rollout/spec.ts'
import { metricCatalogue } from '../scoring/catalogue.ts'
import type { PolicyProblem, RolloutDocument } from './rollout-document.ts'

/** A rollout whose text may not be mirrored: no shadow legs, no pairs; the arms are compared unpaired on live traffic. */
export function isLiveOnly(document: RolloutDocument): boolean {
  return document.shadow?.share === 0
}

/** What a live-only rollout asks for and cannot get, because only pairs or second legs could answer it. */
export function liveOnlyProblems(document: RolloutDocument, spec: RolloutSpec): readonly PolicyProblem[] {
  if (!isLiveOnly(document)) return []
  const shadowed = 'or use a shadow share above 0'
  const problems: PolicyProblem[] = []
  if (spec.calibrationPairs > 0)
    problems.push({
      path: ['calibrationPairs'],
      message: 'calibration needs second baseline legs, and nothing is shadowed',
      fix: `leave it out, ${shadowed}`,
    })
  if (spec.criticalSlices.length > 0)
    problems.push({
      path: ['criticalSlices'],
      message: 'critical slices are judged on pairs, and nothing is shadowed',
      fix: `use a wave for them, ${shadowed}`,
    })
  for (const metric of spec.metrics) {
    if (metric.role !== 'guardrail' && metric.role !== 'primary') continue
    const entry = metricCatalogue.find(({ name }) => name === metric.name)
    const path = ['metrics', metric.name]
    if (entry?.kind !== 'binary' || !entry.comparisons.includes('live_ab'))
      problems.push({
        path,
        message: `${metric.name} is judged on pairs, and nothing is shadowed`,
        fix: `make it a signal, ${shadowed}`,
      })
    if (metric.margin.kind === 'relative')
      problems.push({
        path: [...path, 'margin'],
        message: 'a relative margin is frozen from second baseline legs, and nothing is shadowed',
        fix: `use an absolute margin, ${shadowed}`,
      })
  }
  return problems
}
