import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import rolloutSchema from '../../schemas/policy/rollout.schema.json' with { type: 'json' }
import { compilePlan } from '../domain/gate/compile-plan.ts'
import { goldenSet } from '../domain/policy/golden-set.ts'
import { type PlanSummary, planSummary } from '../domain/policy/plan-summary.ts'
import type { RolloutDocument } from '../domain/policy/rollout-document.ts'
import { specFromDocument } from '../domain/policy/spec-from-document.ts'
import { compileSchema } from '../platform/documents/json-schema.ts'
import { readDocument } from '../platform/documents/read-document.ts'

/** A rollout file as it would be applied, or every reason why not, as `file:line: message`. */
export type Linted =
  | {
      readonly kind: 'ok'
      readonly text: string
      readonly golden: readonly unknown[] | null
      readonly plan: PlanSummary
    }
  | { readonly kind: 'problems'; readonly problems: readonly string[] }

/** Checks a rollout file without any server, golden set included (its path is relative to the file). */
export function lintRollout(path: string): Linted {
  const text = readText(path)
  if (text === null) return { kind: 'problems', problems: [`${path}: cannot be read`] }
  const read = readDocument(text, compileSchema(rolloutSchema))
  const at = (line: number, message: string) => `${path}:${line}: ${message}`
  if (read.kind === 'problems')
    return {
      kind: 'problems',
      problems: read.problems.map((problem) =>
        at(problem.line, `${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`),
      ),
    }
  const document = read.value as RolloutDocument
  const golden = document.golden === undefined ? null : readGolden(resolve(dirname(path), document.golden.file))
  if (golden?.kind === 'problems') return { kind: 'problems', problems: golden.problems }
  const set = golden === null ? null : goldenSet(golden.lines)
  if (set?.kind === 'problems')
    return {
      kind: 'problems',
      problems: set.problems.map((problem) => `${document.golden?.file}:${problem.line}: ${problem.message}`),
    }
  const summary = set === null ? null : { digest: set.digest, chunks: set.chunks.length, entries: set.entries }
  const result = specFromDocument(document, summary)
  if (result.kind === 'problems') {
    return {
      kind: 'problems',
      problems: result.problems.map((problem) =>
        at(read.lineOf(problem.path), `${problem.path.join('.')}: ${problem.message}; ${problem.fix}`),
      ),
    }
  }
  return { kind: 'ok', text, golden: golden?.lines ?? null, plan: planSummary(result.spec, compilePlan(result.spec)) }
}

function readGolden(
  path: string,
):
  | { readonly kind: 'lines'; readonly lines: readonly unknown[] }
  | { readonly kind: 'problems'; readonly problems: readonly string[] } {
  const text = readText(path)
  if (text === null) return { kind: 'problems', problems: [`${path}: the golden set cannot be read`] }
  const lines: unknown[] = []
  const problems: string[] = []
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    try {
      lines.push(JSON.parse(line))
    } catch {
      problems.push(`${path}:${index + 1}: is no JSON`)
    }
  })
  return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'lines', lines }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
