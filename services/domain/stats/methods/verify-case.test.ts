import { describe, expect, it } from 'vitest'
import { StatsError } from '../stats-error.ts'
import { readCases } from './case-file.ts'
import { methods } from './registry.ts'
import { verifyCase } from './verify-case.ts'

const good = {
  id: 'one',
  method: 'mcnemar.oneSided',
  inputs: { n01: 55, n10: 30, source: 'a note' },
  expected: { exact: 0.0044181, midp: 0.003337 },
  tolerance: { abs: 1e-6 },
}

describe('a case', () => {
  it('passes within its tolerance and fails beyond it, naming the output', () => {
    expect(verifyCase(good, 0)).toMatchObject({ id: 'one', passed: true, problems: [] })
    const strict = verifyCase({ ...good, tolerance: { rel: 1e-8 } }, 0)
    expect(strict.passed).toBe(false)
    expect(strict.problems[0]).toMatch(/^exact: got 0.00441810\d+, expected 0.0044181/)
  })

  it('compares every leaf: missing outputs, lists of another length, texts and null', () => {
    const of = (expected: unknown, method = 'pairedDiff.ci', inputs: unknown = { n11: 0, n01: 0, n10: 0, n00: 0 }) =>
      verifyCase({ id: 'x', method, inputs, expected, tolerance: { abs: 0 } }, 0)
    expect(of({ delta: null, tango: [-1, 1] }).passed).toBe(true)
    expect(of({ delta: 0 }).problems).toEqual(['delta: got null, expected 0'])
    expect(of({ tango: [-1] }).problems).toEqual(['tango: a list of another length'])
    expect(of({ tangi: [-1, 1] }).problems).toEqual(['tangi: a list of another length'])
    expect(of({ deltas: 1 }).problems).toEqual(['deltas: not among the outputs'])
    expect(of({ value: '-Infinity' }, 'dist.normal.quantile', { p: 0 }).passed).toBe(true)
    expect(of({ value: 1 }, 'dist.normal.quantile', { p: 0 }).passed).toBe(false)
  })

  it.each([
    [{ ...good, method: 'mcnemar.two' }, /unknown method "mcnemar.two"/],
    [{ ...good, method: undefined }, /names no method/],
    [{ ...good, inputs: { n01: 5 } }, /input "n10" is missing: a whole number of at least 0/],
    [{ ...good, inputs: { n01: 5, n10: '3' } }, /input "n10" must be a whole number of at least 0, got "3"/],
    [{ ...good, inputs: { n01: 5, n10: -3 } }, /input "n10" must be a whole number of at least 0, got -3/],
    [{ ...good, inputs: { n01: 5, n10: null } }, /got null/],
    [{ ...good, inputs: { n01: 5, n10: 3, n11: 4 } }, /input "n11" is not known; known are n01, n10/],
    [{ ...good, inputs: [] }, /input "inputs" must be an object/],
    [{ ...good, inputs: undefined }, /input "inputs" must be an object/],
    [{ ...good, inputs: { n01: 5, n10: 3, alternative: 'sideways' } }, /"alternative" must be a text/],
    [{ ...good, tolerance: undefined }, /"tolerance" must be an object/],
    [{ ...good, tolerance: {} }, /needs "abs" or "rel"/],
    [{ ...good, expected: undefined }, /expects nothing/],
    ['nonsense', /names no method/],
  ])('fails with the reason: %j', (value, reason) => {
    const result = verifyCase(value, 3)
    expect(result.passed).toBe(false)
    expect(result.problems.join()).toMatch(reason)
  })

  it('refuses a number outside the domain with the method’s own words', () => {
    const result = verifyCase({ ...good, method: 'se.clustered', inputs: { d: [1, 'NaN'], cluster: [1, 2] } }, 0)
    expect(result.problems).toEqual(['input "d[1]" must be a finite number, got "NaN"'])
    const unequal = verifyCase({ ...good, method: 'se.clustered', inputs: { d: [1, 2], cluster: [1] } }, 0)
    expect(unequal.problems).toEqual(['2 values for 1 cluster labels'])
  })
})

describe('a file', () => {
  it('is a list or an object with cases; numbers that JSON does not have become texts', () => {
    expect(readCases('[{"a": NaN, "b": [-Infinity, "NaN in a text"]}]')).toEqual([
      { a: 'NaN', b: ['-Infinity', 'NaN in a text'] },
    ])
    expect(readCases('{"cases": [1]}')).toEqual([1])
    for (const text of ['', '{', '{}', '[]', '{"cases": {}}', '3']) expect(() => readCases(text)).toThrow(StatsError)
  })
})

it('each method refuses empty inputs by the name of the first that is missing', () => {
  for (const method of methods.values()) {
    const required = Object.entries(method.inputs).filter(([, field]) => !('fallback' in field))
    expect(() => method.run({}), method.name).toThrow(`input "${required[0]?.[0]}" is missing`)
  }
})
