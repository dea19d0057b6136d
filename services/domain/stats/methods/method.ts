import { StatsError } from '../stats-error.ts'

/** What a method answers: numbers, null where something is not defined, and texts in lists and named groups. */
export type Answer = number | string | boolean | null | readonly Answer[] | { readonly [name: string]: Answer }

/** One input of a method: how it is described and read. `read` throws InputError with the field's path. */
export interface Field<T> {
  readonly type: string
  /** Present for inputs that may be left out. */
  readonly fallback?: T
  read(value: unknown, path: string): T
}

/** An input is missing, of the wrong type, out of range or unknown. The message names it. */
export class InputError extends StatsError {}

type Shape = Readonly<Record<string, Field<unknown>>>
type Values<S extends Shape> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never }

/** A public method by its name in case files: typed inputs, names of outputs, and the function of the same values. */
export interface Method {
  readonly name: string
  readonly summary: string
  readonly inputs: Shape
  readonly outputs: readonly string[]
  /** @throws StatsError when the inputs are no inputs of this method or lie outside its domain */
  run(inputs: unknown): Answer
}

/** Declares a method; `compute` gets its inputs read and typed. */
export function method<S extends Shape>(declaration: {
  readonly name: string
  readonly summary: string
  readonly inputs: S
  readonly outputs: readonly string[]
  compute(values: Values<S>): Answer
}): Method {
  const { name, summary, inputs, outputs } = declaration
  return { name, summary, inputs, outputs, run: (given) => declaration.compute(readInputs(inputs, given) as Values<S>) }
}

/**
 * Reads every declared input. A text that no input asks for is a note of the case's author and is passed over; anything else unknown is refused,
 * because a misspelt name would otherwise silently leave a default in force.
 */
export function readInputs(shape: Shape, given: unknown): Readonly<Record<string, unknown>> {
  const values = record(given, 'inputs')
  const problems: string[] = []
  const read: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(shape)) {
    const value = values[name]
    try {
      if (value !== undefined) read[name] = field.read(value, name)
      else if ('fallback' in field) read[name] = field.fallback
      else problems.push(`input "${name}" is missing: ${field.type}`)
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      problems.push(error.message)
    }
  }
  for (const [name, value] of Object.entries(values))
    if (!(name in shape) && typeof value !== 'string')
      problems.push(`input "${name}" is not known; known are ${Object.keys(shape).join(', ')}`)
  if (problems.length > 0) throw new InputError(problems.join('; '))
  return read
}

/** A plain object, or InputError. */
export function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(path, 'an object', value)
  return value as Readonly<Record<string, unknown>>
}

/** The error for a value that is not what `path` asks for. */
export function refused(path: string, wanted: string, value: unknown): InputError {
  const shown = JSON.stringify(value) ?? String(value)
  return new InputError(
    `input "${path}" must be ${wanted}, got ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`,
  )
}
