import document from '../../schemas/openapi.json' with { type: 'json' }
import { compileSchema } from '../platform/documents/json-schema.ts'

interface Content {
  readonly content: Readonly<Record<string, { readonly schema: object }>>
}

interface OperationDocument {
  readonly operationId: string
  readonly responses: Readonly<Record<string, Content | { readonly $ref: string }>>
}

const items = Object.values(document.paths as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>)
const problem: Content = document.components.responses.Problem

/** Fields that the document does not name are problems here: a client may ignore them, the document may not. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, closed(item)] as const)
  const isObjectSchema = 'properties' in value && !('additionalProperties' in value)
  return Object.fromEntries(isObjectSchema ? [...entries, ['additionalProperties', false]] : entries)
}

function operationOf(id: string): OperationDocument {
  for (const item of items)
    for (const method of ['get', 'post']) {
      const operation = item[method] as OperationDocument | undefined
      if (operation?.operationId === id) return operation
    }
  throw new TypeError(`schemas/openapi.yaml names no operation ${id}`)
}

/**
 * What tests hold real answers against: every way in which an answer of an operation is not what the document says for its status, as
 * `path: message`; empty when it is. A status that the document does not list has to be an error.
 */
export function answerProblems(
  operationId: string,
  status: number,
  contentType: string,
  body: unknown,
): readonly string[] {
  const listed = operationOf(operationId).responses[String(status)]
  if (listed === undefined && status < 400) return [`status ${status} is not in the document`]
  const { content } = listed !== undefined && 'content' in listed ? listed : problem
  const schema = content[contentType.split(';')[0] ?? '']?.schema
  if (schema === undefined) return [`content type ${contentType} is not in the document`]
  return checkOf(schema)(body).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

const compiled = new Map<object, ReturnType<typeof compileSchema>>()

function checkOf(schema: object): ReturnType<typeof compileSchema> {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const text = JSON.stringify(closed({ ...schema, $defs: document.components.schemas }))
  const check = compileSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as object)
  compiled.set(schema, check)
  return check
}
