import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { StatsError } from '../stats-error.ts'
import { readCases } from './case-file.ts'
import type { Answer } from './method.ts'
import { methods } from './registry.ts'

interface Case {
  readonly method: string
  readonly inputs: unknown
}

const cases = ['statistics-cases.json', 'statistics-more-cases.json', 'statistics-methods-cases.json'].flatMap(
  (file) =>
    readCases(readFileSync(new URL(`../../../../test/fixtures/${file}`, import.meta.url), 'utf8')) as readonly Case[],
)

/** What numbers are replaced by: nothing, the ends of every domain, rounding's neighbours, and ten million. */
const extremes = [0, 1, -1, 0.5, 2, 3, 10, 40, 1e4, 1e6, 1e7, 1e-12, 1e-300, 1e300, 0.999999, 1 - 2 ** -53, 2 ** 53]

/** `value` with the `target`-th number in it replaced; counts down as it walks. */
function replaced(value: unknown, target: { left: number }, by: number): unknown {
  if (typeof value === 'number') {
    target.left -= 1
    return target.left === -1 ? by : value
  }
  if (Array.isArray(value)) return value.map((item) => replaced(item, target, by))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaced(item, target, by)]))
}

function numbersIn(value: unknown): number {
  if (typeof value === 'number') return 1
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, item) => sum + numbersIn(item), 0)
}

function holdsNaN(answer: Answer | undefined): boolean {
  if (typeof answer === 'number') return Number.isNaN(answer)
  if (answer === undefined) return true
  return typeof answer === 'object' && answer !== null && Object.values(answer).some(holdsNaN)
}

it('whatever numbers a method is given, it answers with numbers or refuses with a reason', () => {
  const change = fc.tuple(fc.nat({ max: 10_000 }), fc.constantFrom(...extremes))
  fc.assert(
    fc.property(fc.constantFrom(...cases), fc.array(change, { minLength: 1, maxLength: 3 }), (each, changes) => {
      const inputs = changes.reduce(
        (current, [at, by]) => replaced(current, { left: at % Math.max(1, numbersIn(current)) }, by),
        each.inputs,
      )
      try {
        const answer = methods.get(each.method)?.run(inputs)
        expect(holdsNaN(answer), `${each.method} ${JSON.stringify(answer)}`).toBe(false)
      } catch (error) {
        if (!(error instanceof StatsError)) throw error
        expect(error.message).not.toMatch(/did not converge/)
      }
    }),
    { numRuns: 1_500 },
  )
})
