import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import rolloutSchema from '../../schemas/policy/rollout.schema.json' with { type: 'json' }
import type { AnalysisPlan } from '../domain/gate/plan.ts'
import { compileRollout } from '../domain/policy/compile-rollout.ts'
import { type PlanSummary, planSummary } from '../domain/policy/plan-summary.ts'
import type { RolloutDocument } from '../domain/policy/rollout-document.ts'
import type { RolloutSpec } from '../domain/rollout/spec.ts'
import { compileSchema } from '../platform/documents/json-schema.ts'
import { readDocument } from '../platform/documents/read-document.ts'

/** One reason why a file is refused. `path` is the field, dotted; empty when the whole line or file is meant. */
export interface LintProblem {
  readonly file: string
  readonly line: number
  readonly path: string
  readonly message: string
}

/** A rollout file as it would be applied, or every reason why not. */
export type Linted =
  | {
      readonly kind: 'ok'
      readonly text: string
      readonly golden: readonly unknown[] | null
      readonly plan: PlanSummary
      readonly compiled: { readonly spec: RolloutSpec; readonly plan: AnalysisPlan }
    }
  | { readonly kind: 'problems'; readonly problems: readonly LintProblem[] }

/** A golden set that takes the place of the one that the rollout file names, if any. */
export interface GoldenInstead {
  readonly file: string
  readonly lines: readonly unknown[]
}

/** Checks a rollout file without any server, golden set included (its path is relative to the file). */
export function lintRollout(file: string, instead: GoldenInstead | null = null): Linted {
  const text = readText(file)
  if (text === null) return refused([{ file, line: 1, path: '', message: 'cannot be read; is the path right?' }])
  const read = readDocument(text, compileSchema(rolloutSchema))
  if (read.kind === 'problems') return refused(read.problems.map((problem) => ({ file, ...problem })))
  const written = read.value as RolloutDocument
  const document = instead === null ? written : { ...written, golden: { file: instead.file } }
  const goldenFile = document.golden === undefined ? null : resolve(dirname(file), document.golden.file)
  const golden =
    instead === null
      ? goldenFile === null
        ? null
        : readGolden(goldenFile)
      : ({ kind: 'lines', lines: instead.lines } as const)
  if (golden?.kind === 'problems') return golden
  const result = compileRollout(document, golden?.lines ?? null)
  switch (result.kind) {
    case 'compiled': {
      const { spec, plan } = result
      return {
        kind: 'ok',
        text,
        golden: golden?.lines ?? null,
        plan: planSummary(spec, plan),
        compiled: { spec, plan },
      }
    }
    case 'golden_problems':
      return refused(result.problems.map((problem) => ({ file: goldenFile ?? file, path: '', ...problem })))
    case 'problems':
      return refused(
        result.problems.map(({ path, message, fix }) => ({
          file,
          line: read.lineOf(path),
          path: path.join('.'),
          message: `${message}; ${fix}`,
        })),
      )
  }
}

function refused(problems: readonly LintProblem[]): Extract<Linted, { readonly kind: 'problems' }> {
  return { kind: 'problems', problems }
}

function readGolden(
  file: string,
):
  | { readonly kind: 'lines'; readonly lines: readonly unknown[] }
  | { readonly kind: 'problems'; readonly problems: readonly LintProblem[] } {
  const text = readText(file)
  if (text === null) return refused([{ file, line: 1, path: '', message: 'the golden set cannot be read' }])
  const lines: unknown[] = []
  const problems: LintProblem[] = []
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    try {
      lines.push(JSON.parse(line))
    } catch {
      problems.push({ file, line: index + 1, path: '', message: 'is no JSON; write one entry per line' })
    }
  })
  return problems.length > 0 ? refused(problems) : { kind: 'lines', lines }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
