import { randomBytes } from 'node:crypto'
import rolloutSchema from '../../schemas/policy/rollout.schema.json' with { type: 'json' }
import { compilePlan } from '../domain/gate/compile-plan.ts'
import type { AnalysisPlan } from '../domain/gate/plan.ts'
import { goldenSet } from '../domain/policy/golden-set.ts'
import type { RolloutDocument } from '../domain/policy/rollout-document.ts'
import { specFromDocument } from '../domain/policy/spec-from-document.ts'
import type { GoldenChunk, RolloutSpec } from '../domain/rollout/spec.ts'
import { compileSchema } from '../platform/documents/json-schema.ts'
import { readDocument } from '../platform/documents/read-document.ts'
import { ApiProblem } from './problem.ts'

const checkShape = compileSchema(rolloutSchema)

/** A rollout file, checked and compiled. */
export interface Compiled {
  readonly spec: RolloutSpec
  readonly plan: AnalysisPlan
  readonly chunks: readonly GoldenChunk[]
}

/** Throws ApiProblem INVALID_ROLLOUT with every problem and its line. */
export function compileRollout(text: string, goldenLines: readonly unknown[] | null): Compiled {
  const read = readDocument(text, checkShape)
  if (read.kind === 'problems')
    throw new ApiProblem(422, 'INVALID_ROLLOUT', 'the rollout file has problems', read.problems)
  const document = read.value as RolloutDocument
  const golden = goldenLines === null ? null : goldenSet(goldenLines)
  if (golden?.kind === 'problems') {
    throw new ApiProblem(
      422,
      'INVALID_GOLDEN',
      'the golden set has problems',
      golden.problems.map((problem) => ({ ...problem, path: 'golden' })),
    )
  }
  if (document.golden !== undefined && golden === null) {
    throw new ApiProblem(422, 'GOLDEN_MISSING', 'the file names a golden set, but none was sent', [
      { line: read.lineOf(['golden']), path: 'golden', message: 'send its entries as `golden`' },
    ])
  }
  const summary =
    golden === null ? null : { digest: golden.digest, chunks: golden.chunks.length, entries: golden.entries }
  const result = specFromDocument(document, summary)
  if (result.kind === 'problems') {
    const problems = result.problems.map(({ path, message, fix }) => ({
      line: read.lineOf(path),
      path: path.join('.'),
      message: `${message}; ${fix}`,
    }))
    throw new ApiProblem(422, 'INVALID_ROLLOUT', 'the rollout file has problems', problems)
  }
  return { spec: result.spec, plan: compilePlan(result.spec), chunks: golden?.chunks ?? [] }
}

/** Never used again: the name, the day, and random digits. */
export function mintRunId(name: string, nowMs: number): string {
  return `${name}-${new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '')}-${randomBytes(4).toString('hex')}`
}
