import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { StatsError } from '../stats-error.ts'
import { readCases } from './case-file.ts'
import { methods } from './registry.ts'
import { verifyCase } from './verify-case.ts'

interface Example {
  readonly method: string
  readonly inputs: Readonly<Record<string, unknown>>
}

const examples = ['statistics-cases.json', 'statistics-more-cases.json', 'statistics-methods-cases.json'].flatMap(
  (file) =>
    readCases(
      readFileSync(new URL(`../../../../test/fixtures/${file}`, import.meta.url), 'utf8'),
    ) as readonly Example[],
)

const good = {
  id: 'one',
  method: 'mcnemar.oneSided',
  inputs: { n01: 55, n10: 30, source: 'a note' },
  expected: { exact: 0.0044181, midp: 0.003337 },
  tolerance: { abs: 1e-6 },
}

/** Lists within lists, deeper than a recursive function can go. */
function nested(depth: number): unknown {
  let value: unknown = []
  for (let level = 0; level < depth; level += 1) value = [value]
  return value
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
    [{ ...good, method: '__proto__' }, /unknown method "__proto__"/],
    [{ ...good, inputs: { n01: 5, n10: 3, constructor: 4 } }, /input "constructor" is not known/],
    [{ ...good, inputs: { n01: 5, n10: Number.POSITIVE_INFINITY } }, /input "n10" must be .*, got Infinity/],
    [{ ...good, inputs: { n01: 5, n10: 1e300 } }, /input "n10" must be a whole number of at least 0, got 1e\+300/],
    [{ ...good, inputs: { n01: 2 ** 53 - 1, n10: 2 } }, /given n01 = 9007199254740991, n10 = 2/],
    [{ ...good, expected: {} }, /the answer: the case expects nothing of it/],
    [
      { ...good, expected: { exact: Number.POSITIVE_INFINITY }, tolerance: { rel: 1e-6 } },
      /exact: got 0.0044\d+, expected Infinity/,
    ],
    [{ ...good, tolerance: { abs: Number.POSITIVE_INFINITY } }, /tolerance "abs" must be a finite number/],
  ])('fails with the reason: %j', (value, reason) => {
    const result = verifyCase(value, 3)
    expect(result.passed).toBe(false)
    expect(result.problems.join()).toMatch(reason)
  })

  it('fails, and takes no other case with it, where a value nests deeper than a function can follow', () => {
    for (const hurt of [{ inputs: { n01: nested(20_000), n10: 3 } }, { expected: nested(20_000) }]) {
      const result = verifyCase({ ...good, ...hurt }, 0)
      expect(result.passed).toBe(false)
      expect(result.problems).not.toEqual([])
    }
  })

  it('refuses a number outside the domain with the method’s own words', () => {
    const result = verifyCase({ ...good, method: 'se.clustered', inputs: { d: [1, 'NaN'], cluster: [1, 2] } }, 0)
    expect(result.problems).toEqual(['input "d[1]" must be a finite number, got "NaN"'])
    const unequal = verifyCase({ ...good, method: 'se.clustered', inputs: { d: [1, 2], cluster: [1] } }, 0)
    expect(unequal.problems).toEqual(['2 values for 1 cluster labels (given d = [1,2], cluster = [1])'])
  })
})

describe('a file', () => {
  it('may hold a text of millions of characters', () => {
    expect(readCases(`["${'\\n'.repeat(4_000_000)}"]`)).toHaveLength(1)
  })

  it('is a list or an object with cases; numbers that JSON does not have become texts', () => {
    expect(readCases('[{"a": NaN, "b": [-Infinity, "NaN in a text"]}]')).toEqual([
      { a: 'NaN', b: ['-Infinity', 'NaN in a text'] },
    ])
    expect(readCases('{"cases": [1]}')).toEqual([1])
    for (const text of ['', '{', '{}', '[]', '{"cases": {}}', '3']) expect(() => readCases(text)).toThrow(StatsError)
  })
})

/** What a careless or hostile file puts where a number or a list belongs. */
const hostile: readonly unknown[] = [
  ...['NaN', 'Infinity', '', 'x_i=constructor', null, true, {}, [], [[]], [null], [0, 0, 0], [1e308, 1e308, -1e308]],
  ...[-1, 0.5, 1.5, 1e7, 1e9, 2 ** 53 - 1, 1e308, 1e-320, Number.NaN, Number.POSITIVE_INFINITY],
]

it('whatever stands in an input, a case passes, misses, or fails with a reason that names the input', () => {
  for (const method of methods.values()) {
    const example = examples.find((each) => each.method === method.name)
    for (const input of Object.keys(method.inputs)) {
      for (const value of hostile) {
        const { got, problems } = verifyCase({ ...example, inputs: { ...example?.inputs, [input]: value } }, 0)
        if (got === null) expect(problems.join(), `${method.name} ${input}`).toContain(input)
        expect(problems.join()).not.toMatch(/defect|of NaN|did not converge/)
      }
    }
  }
})

it('each method refuses empty inputs by the name of the first that is missing', () => {
  for (const method of methods.values()) {
    const required = Object.entries(method.inputs).filter(([, field]) => !('fallback' in field))
    expect(() => method.run({}), method.name).toThrow(`input "${required[0]?.[0]}" is missing`)
  }
})
