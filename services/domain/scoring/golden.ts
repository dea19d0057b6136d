import { RE2JS } from 're2js'
import type { GoldenEntry, GoldenRule } from '../rollout/spec.ts'
import { normalisedText } from './normalise.ts'

/** What is searched for a number or a match: the end of the text, where answers stand. */
const searchedMax = 20_000
const patternMax = 500

/** Whether an answer differs from the expected one under the entry's rule. */
export function isGoldenWrong(entry: GoldenEntry, text: string): boolean {
  const { rule, expected } = entry
  switch (rule.kind) {
    case 'exact':
      return text.trim() !== expected.trim()
    case 'normalised':
      return normalisedText(text) !== normalisedText(expected)
    case 'json':
      return !sameJson(text, expected)
    case 'numeric':
      return !sameNumber(text.slice(-searchedMax), expected, rule.tolerance)
    case 'last_match':
      return lastMatch(rule, text.slice(-searchedMax)) !== (rule.fold ? expected.toLowerCase() : expected)
  }
}

/**
 * Last match of the pattern: its first group if it has one, else the whole match; null when nothing matches. RE2 takes time in proportion to the
 * text whatever the pattern, so that no rollout file and no answer can hold up the exchanges of others (ADR 0006).
 */
export function lastMatch(rule: GoldenRule & { readonly kind: 'last_match' }, text: string): string | null {
  const pattern = compiled(rule)
  const matcher = pattern.matcher(text)
  let found: string | null = null
  while (matcher.find()) found = (pattern.groupCount() > 0 ? matcher.group(1) : null) ?? matcher.group() ?? ''
  return found === null || !rule.fold ? found : found.toLowerCase()
}

/** Why a pattern is refused; null when it may be used. RE2's syntax has no look-around and no back-references. */
export function patternProblem(rule: GoldenRule & { readonly kind: 'last_match' }): string | null {
  if (rule.pattern.length > patternMax) return `the pattern is longer than ${patternMax} characters`
  const unknown = [...rule.flags].find((flag) => flagOf[flag] === undefined)
  if (unknown !== undefined) return `unknown flag \`${unknown}\`; use i, m and s`
  try {
    compiled(rule)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** g and u are how JavaScript writes what is done in any case. */
const flagOf: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
  g: 0,
  u: 0,
}

function compiled(rule: GoldenRule & { readonly kind: 'last_match' }): RE2JS {
  const flags = [...rule.flags].reduce((sum, flag) => sum | (flagOf[flag] ?? 0), 0)
  return RE2JS.compile(rule.pattern, flags)
}

/** A sign counts only where no word or number stands right before it: the last number of "3-5" is 5. */
const number = /(?:(?<![\w.)\]])[-\u2212])?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi

function sameNumber(text: string, expected: string, tolerance: number): boolean {
  const last = text
    .replaceAll(/(?<=\d),(?=\d{3}(?!\d))/g, '')
    .match(number)
    ?.at(-1)
  return last !== undefined && Math.abs(Number(last.replace('\u2212', '-')) - Number(expected)) <= tolerance
}

/** Equal as JSON values, keys in any order; a fenced block in the answer counts as its content. */
function sameJson(text: string, expected: string): boolean {
  // No spaces are skipped before the block's text: that would take quadratic time, and JSON allows them anyway.
  const fenced = /```(?:json)?([\s\S]*?)```/.exec(text)?.[1] ?? text
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
