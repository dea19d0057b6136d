import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { canonicalJson } from '../gate/compile-plan.ts'
import type { GoldenChunk, GoldenEntry } from '../rollout/spec.ts'
import { patternProblem } from '../scoring/golden.ts'

/** Chunks stay well below the broker's largest record. */
const chunkCharactersMax = 300_000
const entriesMax = 100_000

export type GoldenSetResult =
  | { readonly kind: 'set'; readonly digest: string; readonly chunks: readonly GoldenChunk[]; readonly entries: number }
  | { readonly kind: 'problems'; readonly problems: readonly { readonly line: number; readonly message: string }[] }

/** Checks the entries (one per line of a JSONL file) and cuts them into chunks under their digest. */
export function goldenSet(lines: readonly unknown[]): GoldenSetResult {
  const problems = lines.slice(0, entriesMax).flatMap((entry, index) => {
    const problem = goldenEntryProblem(entry)
    return problem === null ? [] : [{ line: index + 1, message: problem }]
  })
  if (lines.length > entriesMax) problems.push({ line: entriesMax + 1, message: `more than ${entriesMax} entries` })
  if (problems.length > 0) return { kind: 'problems', problems: problems.slice(0, 20) }
  const entries = lines.map((line) => completed(line as Partial<GoldenEntry>))
  const digest = bytesToHex(sha256(new TextEncoder().encode(canonicalJson(entries))))
  const groups: GoldenEntry[][] = [[]]
  let characters = 0
  for (const entry of entries) {
    const size = JSON.stringify(entry).length
    if (characters + size > chunkCharactersMax) {
      groups.push([])
      characters = 0
    }
    characters += size
    groups.at(-1)?.push(entry)
  }
  return {
    kind: 'set',
    digest,
    chunks: groups.map((group, index) => ({ digest, index, chunks: groups.length, entries: group })),
    entries: entries.length,
  }
}

function completed(entry: Partial<GoldenEntry>): GoldenEntry {
  return {
    ref: entry.ref ?? null,
    promptHash: entry.promptHash ?? null,
    expected: entry.expected ?? '',
    rule: entry.rule ?? { kind: 'normalised' },
  }
}

/** Why an entry is refused; null when it may be used. */
export function goldenEntryProblem(entry: unknown): string | null {
  if (typeof entry !== 'object' || entry === null) return 'is no JSON object'
  const { ref, promptHash, expected, rule } = entry as Partial<GoldenEntry>
  if (typeof ref !== 'string' && typeof promptHash !== 'string') return 'needs `ref` or `promptHash`'
  if (typeof expected !== 'string') return '`expected` must be a text'
  if (rule === undefined) return null
  switch (rule.kind) {
    case 'exact':
    case 'normalised':
      return null
    case 'json':
      return isJson(expected) ? null : '`expected` must be JSON'
    case 'numeric':
      if (!(typeof rule.tolerance === 'number' && rule.tolerance >= 0))
        return '`rule.tolerance` must be a number of at least 0'
      return expected.trim() !== '' && Number.isFinite(Number(expected)) ? null : '`expected` must be a number'
    case 'last_match':
      return typeof rule.pattern === 'string' && typeof rule.flags === 'string'
        ? patternProblem(rule)
        : '`rule` needs `pattern` and `flags`'
    default:
      return '`rule.kind` must be exact, normalised, json, numeric or last_match'
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
