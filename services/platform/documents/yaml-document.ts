import { isCollection, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml'

/** A parsed YAML (or JSON) text whose values can be traced back to their lines. */
export interface YamlDocument {
  readonly value: unknown
  /** 1-based line of the value at `path`, or of the nearest parent that exists; 1 when nothing does. */
  lineOf(path: readonly (string | number)[]): number
}

export type ParsedYaml =
  | { readonly kind: 'document'; readonly document: YamlDocument }
  | { readonly kind: 'syntax'; readonly problems: readonly { readonly line: number; readonly message: string }[] }

/** Texts above this are refused: a rollout file has no reason to be larger, and aliases could blow it up. */
const textBytesMax = 1024 * 1024
const aliasesMax = 50

/** Parses one YAML 1.2 document. Duplicate keys, several documents and excessive aliases are syntax problems, each with its line. */
export function parseYaml(text: string): ParsedYaml {
  if (Buffer.byteLength(text) > textBytesMax) {
    return { kind: 'syntax', problems: [{ line: 1, message: `text is larger than ${textBytesMax} bytes` }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      line: lines.linePos(error.pos[0]).line,
      message: error.message,
    }))
    return { kind: 'syntax', problems }
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: aliasesMax })
    return { kind: 'document', document: { value, lineOf: (path) => lineOf(document.contents, path, lines) } }
  } catch (error) {
    return { kind: 'syntax', problems: [{ line: 1, message: error instanceof Error ? error.message : String(error) }] }
  }
}

function lineOf(root: Node | null, path: readonly (string | number)[], lines: LineCounter): number {
  let node: unknown = root
  let line = 1
  for (const step of path) {
    if (!isCollection(node)) break
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step)
    const next: unknown = isPair(pair) ? pair.value : node.get(step, true)
    const start = isPair(pair) && isScalar(pair.key) ? pair.key.range?.[0] : startOf(next)
    if (start !== undefined) line = lines.linePos(start).line
    node = next
  }
  return line
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isCollection(node) ? node.range?.[0] : undefined
}
