import type { SchemaProblem } from './json-schema.ts'
import { parseYaml } from './yaml-document.ts'

/** A problem of a document with the line to look at. */
export interface LocatedProblem {
  readonly line: number
  readonly path: string
  readonly message: string
}

export type ReadDocument =
  | { readonly kind: 'value'; readonly value: unknown; lineOf(path: readonly (string | number)[]): number }
  | { readonly kind: 'problems'; readonly problems: readonly LocatedProblem[] }

/** Parses a YAML or JSON text and checks its shape; syntax first, then every problem of shape at once. */
export function readDocument(text: string, check: (value: unknown) => readonly SchemaProblem[]): ReadDocument {
  const parsed = parseYaml(text)
  if (parsed.kind === 'syntax')
    return { kind: 'problems', problems: parsed.problems.map(({ line, message }) => ({ line, path: '', message })) }
  const { value, lineOf } = parsed.document
  const problems = check(value).map(({ path, message }) => ({ line: lineOf(path), path: path.join('.'), message }))
  return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'value', value, lineOf }
}
