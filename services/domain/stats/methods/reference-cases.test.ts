import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readCases } from './case-file.ts'
import { methods } from './registry.ts'
import { type CaseResult, verifyCase } from './verify-case.ts'

function casesOf(file: string): readonly unknown[] {
  return readCases(readFileSync(new URL(`../../../../test/fixtures/${file}`, import.meta.url), 'utf8'))
}

/** Published tables, R packages and 60-digit arithmetic; each case names its source. */
const reference = casesOf('statistics-cases.json').map(verifyCase)
/** Random and extreme inputs, computed by the library that each case names. */
const more = casesOf('statistics-more-cases.json').map(verifyCase)
/** Methods that the two files above do not name: regressions, multivariate normal probabilities and brute force by other libraries. */
const rest = casesOf('statistics-methods-cases.json').map(verifyCase)

describe.each([
  ['reference cases', reference],
  ['cross-checks with other libraries', more],
  ['methods beyond them', rest],
])('%s', (_, results) => {
  it.each(results.map((result): [string, CaseResult] => [`${result.id} ${result.method}`, result]))(
    '%s',
    (__, result) => {
      expect(result.problems).toEqual([])
      expect(result.passed).toBe(true)
    },
  )
})

it('every public method has a case of its own', () => {
  const covered = new Set([...reference, ...more, ...rest].map((result) => result.method))
  expect([...methods.keys()].filter((name) => !covered.has(name))).toEqual([])
})
