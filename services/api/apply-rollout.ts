import { randomBytes } from 'node:crypto'
import rolloutSchema from '../../schemas/policy/rollout.schema.json' with { type: 'json' }
import { type CompiledRollout, compileRollout } from '../domain/policy/compile-rollout.ts'
import type { RolloutDocument } from '../domain/policy/rollout-document.ts'
import { compileSchema } from '../platform/documents/json-schema.ts'
import { readDocument } from '../platform/documents/read-document.ts'
import { ApiProblem } from './problem.ts'

const checkShape = compileSchema(rolloutSchema)

/** Throws ApiProblem INVALID_ROLLOUT with every problem and its line, INVALID_GOLDEN with the lines of the golden set. */
export function compileText(
  text: string,
  golden: readonly unknown[] | null,
): Extract<CompiledRollout, { readonly kind: 'compiled' }> {
  const read = readDocument(text, checkShape)
  if (read.kind === 'problems')
    throw new ApiProblem(422, 'INVALID_ROLLOUT', 'the rollout file has problems', read.problems)
  const result = compileRollout(read.value as RolloutDocument, golden)
  switch (result.kind) {
    case 'compiled':
      return result
    case 'golden_problems':
      throw new ApiProblem(
        422,
        'INVALID_GOLDEN',
        'the golden set has problems',
        result.problems.map((problem) => ({ ...problem, path: 'golden' })),
      )
    case 'problems':
      throw new ApiProblem(
        422,
        'INVALID_ROLLOUT',
        'the rollout file has problems',
        result.problems.map(({ path, message, fix }) => ({
          line: read.lineOf(path),
          path: path.join('.'),
          message: `${message}; ${fix}`,
        })),
      )
  }
}

/** Never used again: the name, the day, and random digits. */
export function mintRunId(name: string, nowMs: number): string {
  return `${name}-${new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '')}-${randomBytes(4).toString('hex')}`
}
