import { StatsError } from '../stats-error.ts'
import { type Answer, InputError, record } from './method.ts'
import { methods } from './registry.ts'

/** What became of one case: passed, or failed with every reason. `got` is null when nothing could be computed. */
export interface CaseResult {
  readonly id: string
  readonly method: string
  readonly passed: boolean
  readonly problems: readonly string[]
  readonly expected: unknown
  readonly got: Answer | null
}

interface Tolerance {
  readonly abs: number
  readonly rel: number
}

/**
 * Computes one case `{ id, method, inputs, expected, tolerance: { abs?, rel? } }` by its public method. Passed when |got − expected| ≤ abs +
 * rel·|expected| on every numeric leaf of `expected` and every other leaf is equal. Unknown methods, wrong inputs and a malformed case are failures
 * with the reason.
 */
export function verifyCase(value: unknown, position: number): CaseResult {
  const given = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  const id = typeof given['id'] === 'string' ? given['id'] : `case ${position + 1}`
  const name = typeof given['method'] === 'string' ? given['method'] : ''
  const expected = given['expected']
  const failed = (...problems: string[]): CaseResult => {
    return { id, method: name, passed: false, problems, expected: expected ?? null, got: null }
  }
  const method = methods.get(name)
  if (name === '') return failed('the case names no method')
  if (method === undefined) return failed(`unknown method "${name}"; \`penstock stats methods\` lists them`)
  try {
    const tolerance = readTolerance(given['tolerance'])
    if (expected === undefined) return failed('the case expects nothing')
    const got = method.run(given['inputs'])
    const problems: string[] = []
    compare(expected, got, '', tolerance, problems)
    return { id, method: name, passed: problems.length === 0, problems, expected, got }
  } catch (error) {
    if (error instanceof StatsError) return failed(error.message)
    // One case must not take the others with it: a defect is this case's failure, and says that it is one.
    return failed(`a defect of the method: ${String(error)}`)
  }
}

function readTolerance(value: unknown): Tolerance {
  const given = record(value, 'tolerance')
  const read = (name: 'abs' | 'rel') => {
    const size = given[name] ?? 0
    if (typeof size !== 'number' || !(size >= 0 && size < Number.POSITIVE_INFINITY))
      throw new InputError(`tolerance "${name}" must be a finite number of at least 0, got ${String(size)}`)
    return size
  }
  if (!('abs' in given || 'rel' in given)) throw new InputError('the tolerance needs "abs" or "rel"')
  return { abs: read('abs'), rel: read('rel') }
}

/** Notes every leaf of `expected` that `got` misses. Infinite numbers are written as texts, because JSON has none. */
function compare(expected: unknown, got: unknown, path: string, tolerance: Tolerance, problems: string[]): void {
  const at = path === '' ? 'the answer' : path
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) problems.push(`${at}: a list of another length`)
    else
      for (const [index, item] of expected.entries())
        compare(item, got[index], `${path}[${index}]`, tolerance, problems)
  } else if (typeof expected === 'object' && expected !== null) {
    if (Object.keys(expected).length === 0) problems.push(`${at}: the case expects nothing of it`)
    const group = typeof got === 'object' && got !== null ? (got as Readonly<Record<string, unknown>>) : {}
    for (const [name, item] of Object.entries(expected))
      compare(item, group[name], path === '' ? name : `${path}.${name}`, tolerance, problems)
  } else if (got === undefined) problems.push(`${at}: not among the outputs`)
  else if (typeof expected === 'number' && typeof got === 'number') {
    // Any finite number would lie within a share of ∞.
    if (
      got !== expected &&
      !(Math.abs(got - expected) <= tolerance.abs + tolerance.rel * Math.min(Math.abs(expected), Number.MAX_VALUE))
    )
      problems.push(`${at}: got ${got}, expected ${expected}`)
  } else if (expected !== (typeof got === 'number' && !Number.isFinite(got) ? String(got) : got))
    problems.push(`${at}: got ${String(got)}, expected ${String(expected)}`)
}
