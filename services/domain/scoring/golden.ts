import type { GoldenEntry, GoldenRule } from '../rollout/spec.ts'
import { normalisedText } from './normalise.ts'

/** Texts longer than this are judged by their end, where answers stand; it also bounds the work of a pattern. */
const textMax = 20_000
const patternMax = 500

/** Whether an answer differs from the expected one under the entry's rule. */
export function isGoldenWrong(entry: GoldenEntry, text: string): boolean {
  const judged = text.length > textMax ? text.slice(-textMax) : text
  const { rule, expected } = entry
  switch (rule.kind) {
    case 'exact':
      return judged.trim() !== expected.trim()
    case 'normalised':
      return normalisedText(judged) !== normalisedText(expected)
    case 'json':
      return !sameJson(judged, expected)
    case 'numeric':
      return !sameNumber(judged, expected, rule.tolerance)
    case 'last_match':
      return lastMatch(rule, judged) !== (rule.fold ? expected.toLowerCase() : expected)
  }
}

/** Last match of the pattern: its first group if it has one, else the whole match; null when nothing matches. */
export function lastMatch(rule: GoldenRule & { readonly kind: 'last_match' }, text: string): string | null {
  const flags = [...new Set([...rule.flags, 'g'])].join('')
  let found: string | null = null
  for (const match of text.matchAll(new RegExp(rule.pattern, flags))) found = match[1] ?? match[0]
  return found === null || !rule.fold ? found : found.toLowerCase()
}

/** Why a pattern is refused; null when it may be used. Nested unbounded repetition is what makes matching take exponential time. */
export function patternProblem(rule: GoldenRule & { readonly kind: 'last_match' }): string | null {
  if (rule.pattern.length > patternMax) return `the pattern is longer than ${patternMax} characters`
  if (/\([^)]*[+*][^)]*\)\s*[+*{]/.test(rule.pattern))
    return 'the pattern repeats a group that repeats; write it without nested + or *'
  try {
    new RegExp(rule.pattern, rule.flags)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function sameNumber(text: string, expected: string, tolerance: number): boolean {
  const last = text
    .replaceAll(/(?<=\d),(?=\d{3}\b)/g, '')
    .match(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi)
    ?.at(-1)
  return last !== undefined && Math.abs(Number(last) - Number(expected)) <= tolerance
}

/** Equal as JSON values, keys in any order; a fenced block in the answer counts as its content. */
function sameJson(text: string, expected: string): boolean {
  const fenced = /```(?:json)?\s*([\s\S]*?)```/.exec(text)?.[1] ?? text
  try {
    return canonical(JSON.parse(fenced)) === canonical(JSON.parse(expected))
  } catch {
    return false
  }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`).join(',')}}`
}
