import { type Field, InputError, readInputs, record, refused } from './method.ts'
import { numbersByRule } from './sequence-rule.ts'

/** A finite number within limits. */
function numberWithin(type: string, accepts: (value: number) => boolean): Field<number> {
  return {
    type,
    read(value, path) {
      if (typeof value !== 'number' || !Number.isFinite(value) || !accepts(value)) throw refused(path, type, value)
      return value
    },
  }
}

export const real = numberWithin('a finite number', () => true)
export const positive = numberWithin('a number above 0', (value) => value > 0)
export const notNegative = numberWithin('a number of at least 0', (value) => value >= 0)
export const probability = numberWithin('a number in [0, 1]', (value) => value >= 0 && value <= 1)
export const openProbability = numberWithin('a number strictly between 0 and 1', (value) => value > 0 && value < 1)
export const whole = numberWithin('a whole number', Number.isSafeInteger)
export const count = numberWithin('a whole number of at least 0', (value) => Number.isSafeInteger(value) && value >= 0)

/** One-sided or two-sided. */
export const sides: Field<1 | 2> = {
  type: '1 or 2',
  read(value, path) {
    if (value !== 1 && value !== 2) throw refused(path, '1 or 2', value)
    return value
  },
}

/** A text. */
export const text: Field<string> = {
  type: 'a text',
  read(value, path) {
    if (typeof value !== 'string') throw refused(path, 'a text', value)
    return value
  },
}

/** A label of a unit: text or number. */
export const label: Field<string | number> = {
  type: 'a text or a number',
  read(value, path) {
    if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value
    throw refused(path, 'a text or a number', value)
  },
}

/** The same input, but it may be left out. */
export function optional<T>(field: Field<T>, fallback: T): Field<T> {
  return { type: `${field.type}; ${JSON.stringify(fallback)} unless given`, fallback, read: field.read }
}

/** The same input or null. */
export function nullable<T>(field: Field<T>): Field<T | null> {
  return { type: `${field.type} or null`, read: (value, path) => (value === null ? null : field.read(value, path)) }
}

const listMax = 5_000_000

/** A list of them. */
export function list<T>(field: Field<T>): Field<readonly T[]> {
  const type = `a list, each ${field.type}`
  return {
    type,
    read(value, path) {
      if (!Array.isArray(value)) throw refused(path, type, value)
      return value.map((item, index) => field.read(item, `${path}[${index}]`))
    },
  }
}

/** An object with exactly these inputs (texts beside them are notes). */
export function group<S extends Readonly<Record<string, Field<unknown>>>>(
  shape: S,
): Field<{ readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never }> {
  const type = `an object with ${Object.keys(shape).join(', ')}`
  return {
    type,
    read(value, path) {
      record(value, path)
      try {
        return readInputs(shape, value) as { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never }
      } catch (error) {
        throw error instanceof InputError ? new InputError(`in "${path}": ${error.message}`) : error
      }
    },
  }
}

/** A text that says something in the form of `pattern`; `parse` makes the value of its groups. */
export function phrase<T>(type: string, pattern: RegExp, parse: (groups: readonly string[]) => T): Field<T> {
  return {
    type,
    read(value, path) {
      const match = typeof value === 'string' ? pattern.exec(value) : null
      if (match === null) throw refused(path, type, value)
      return parse(match.slice(1))
    },
  }
}

/** Numbers as a list, or as a range "1..1000" of whole numbers. */
export const numbersOrRange: Field<readonly number[]> = {
  type: 'a list of numbers, or a range as "1..1000"',
  read(value, path) {
    if (Array.isArray(value)) return list(real).read(value, path)
    const match = typeof value === 'string' ? /^\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*$/.exec(value) : null
    if (match === null) throw refused(path, this.type, value)
    const from = Number(match[1])
    const to = Number(match[2])
    if (!(to >= from && to - from < listMax)) throw refused(path, `a range of 1 to ${listMax} numbers`, value)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  },
}

/** Outcomes in [0, 1] as a list, or by a rule of i. */
export const outcomesOrRule: Field<readonly number[]> = {
  type: 'a list of numbers in [0, 1], or a rule as "x_i=((7i) mod 11)/10, i=1..40"',
  read(value, path) {
    return list(probability).read(typeof value === 'string' ? numbersByRule(value, path) : value, path)
  },
}
