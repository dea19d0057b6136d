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
  const run = (given: unknown) => {
    const values = readInputs(inputs, given)
    try {
      return declaration.compute(values as Values<S>)
    } catch (error) {
      // The functions name their own parameters, which are not always the names of the inputs.
      if (error instanceof StatsError && !(error instanceof InputError))
        throw new InputError(`${error.message} (given ${givenText(values)})`)
      throw error
    }
  }
  return { name, summary, inputs, outputs, run }
}

function givenText(values: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(values)
  return entries.map(([name, value]) => `${name} = ${shown(value, 40)}`).join(', ')
}

/** A value on one line, at most so many characters; infinite numbers, which JSON would write as null, by name. */
function shown(value: unknown, length: number): string {
  if (typeof value === 'number') return String(value)
  if (Array.isArray(value) && value.length > 8) return `${value.length} values`
  const text: string | undefined = JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
  )
  if (text === undefined) return 'nothing'
  return text.length > length ? `${text.slice(0, length)}…` : text
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
    const value = Object.hasOwn(values, name) ? values[name] : undefined
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
    if (!Object.hasOwn(shape, name) && typeof value !== 'string')
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
  return new InputError(`input "${path}" must be ${wanted}, got ${shown(value, 80)}`)
}
