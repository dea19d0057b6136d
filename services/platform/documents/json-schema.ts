import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'

/** One way in which a value does not fit its schema. */
export interface SchemaProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Lists every problem of a value; an empty list when it fits. */
export type SchemaCheck = (value: unknown) => readonly SchemaProblem[]

/** Compiles one JSON Schema (2020-12). */
export function compileSchema(schema: object): SchemaCheck {
  return createSchemaCompiler()(schema)
}

/** Compiles any number of JSON Schemas (2020-12) for a tenth of the price of one by one: what they share is made once. */
export function createSchemaCompiler(): (schema: object) => SchemaCheck {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, verbose: true })
  return (schema) => {
    const validate = ajv.compile(schema)
    return (value) => (validate(value) ? [] : (validate.errors ?? []).filter(isTelling).map(problemOf))
  }
}

/** `if`, `anyOf` and the like only repeat what their branches already say. */
function isTelling(error: ErrorObject): boolean {
  return !['if', 'anyOf', 'oneOf', 'allOf', 'not'].includes(error.keyword) || error.schemaPath.endsWith('/anyOf')
}

function problemOf(error: ErrorObject): SchemaProblem {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  return {
    path: error.keyword === 'additionalProperties' ? [...path, unknownKey(error)] : path,
    message: messageOf(error),
  }
}

function unknownKey(error: ErrorObject): string {
  return String((error.params as { additionalProperty?: unknown }).additionalProperty)
}

function messageOf(error: ErrorObject): string {
  const schema = error.parentSchema as { description?: string; properties?: object } | undefined
  switch (error.keyword) {
    case 'additionalProperties':
      return `unknown field${nearest(unknownKey(error), Object.keys(schema?.properties ?? {}))}`
    case 'required':
      return `field \`${String((error.params as { missingProperty?: unknown }).missingProperty)}\` is missing`
    case 'enum':
      return `must be one of ${((error.params as { allowedValues?: readonly unknown[] }).allowedValues ?? []).join(', ')}`
    case 'const':
      return `must be ${JSON.stringify((error.params as { allowedValue?: unknown }).allowedValue)}`
    case 'pattern':
      return schema?.description === undefined
        ? `does not match ${String(error.schema)}`
        : `must be ${schema.description}`
    default:
      return error.message ?? error.keyword
  }
}

/** Says which known field was probably meant, or lists them. */
function nearest(key: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const close = known.filter((name) => editDistance(name.toLowerCase(), key.toLowerCase()) <= 2)
  return close.length > 0
    ? `; did you mean ${close.map((name) => `\`${name}\``).join(' or ')}?`
    : `; known fields: ${known.join(', ')}`
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution))
    }
    row = next
  }
  return row[b.length] ?? 0
}
