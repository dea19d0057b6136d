import document from '../../schemas/openapi.json' with { type: 'json' }
import { createSchemaCompiler, type SchemaCheck } from '../platform/documents/json-schema.ts'
import { type Role, roles } from './config.ts'

/** What the API serves, read from its document: a route that is not in there does not exist. */
export interface Operation {
  readonly id: string
  readonly method: 'GET' | 'POST'
  /** As the server writes it: `/v1/runs/:run`. */
  readonly url: string
  readonly role: Role
  /** For commands: what each kind asks of its caller. Braking is easy, going on is not. */
  readonly rolesByKind: Readonly<Record<string, Role>>
  readonly checkBody: SchemaCheck
  /** Path and query together; numbers among them have been read from their text. */
  readonly checkParameters: SchemaCheck
  /** Reads the parameters whose schema says integer. */
  typed(parameters: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>
}

interface Parameter {
  readonly name: string
  readonly required?: boolean
  readonly schema: { readonly type?: string }
}

interface OperationDocument {
  readonly operationId: string
  readonly security: readonly [{ readonly token: readonly [string] }]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } }
  readonly 'x-roles-by-kind'?: Readonly<Record<string, string>>
}

interface PathDocument {
  readonly parameters?: readonly { readonly $ref: string }[]
  readonly get?: OperationDocument
  readonly post?: OperationDocument
}

const paths = document.paths as unknown as Readonly<Record<string, PathDocument>>
const parameters = document.components.parameters as unknown as Readonly<Record<string, Parameter>>

/** A schema of the document with everything it refers to, and nothing else: compiling all of them for each takes a second. */
function standalone(schema: object): object {
  const known = document.components.schemas as Readonly<Record<string, object>>
  const needed = new Map<string, object>()
  const collect = (part: object): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      const definition = known[name]
      if (definition === undefined || needed.has(name)) continue
      needed.set(name, definition)
      collect(definition)
    }
  }
  collect(schema)
  const text = JSON.stringify({ ...schema, $defs: Object.fromEntries(needed) })
  return JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as object
}

function roleOf(name: string): Role {
  const role = roles.find((known) => known === name)
  if (role === undefined) throw new TypeError(`schemas/openapi.yaml: no role is called ${name}`)
  return role
}

function parametersOf(path: PathDocument, operation: OperationDocument): readonly Parameter[] {
  const ofPath = (path.parameters ?? []).flatMap(({ $ref }) => {
    const parameter = parameters[$ref.slice($ref.lastIndexOf('/') + 1)]
    return parameter === undefined ? [] : [parameter]
  })
  return [...ofPath, ...(operation.parameters ?? [])]
}

function operationOf(
  compile: (schema: object) => SchemaCheck,
  path: string,
  method: 'GET' | 'POST',
  item: PathDocument,
  operation: OperationDocument,
): Operation {
  const all = parametersOf(item, operation)
  const body = operation.requestBody?.content['application/json'].schema
  return {
    id: operation.operationId,
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    role: roleOf(operation.security[0].token[0]),
    rolesByKind: Object.fromEntries(
      Object.entries(operation['x-roles-by-kind'] ?? {}).map(([kind, role]) => [kind, roleOf(role)]),
    ),
    checkBody: body === undefined ? () => [] : compile(standalone(body)),
    checkParameters: compile({
      type: 'object',
      additionalProperties: false,
      required: all.flatMap(({ name, required }) => (required === true ? [name] : [])),
      properties: Object.fromEntries(all.map(({ name, schema }) => [name, schema])),
    }),
    typed: (given) => {
      const integers = new Set(all.flatMap(({ name, schema }) => (schema.type === 'integer' ? [name] : [])))
      return Object.fromEntries(
        Object.entries(given).map(([name, value]) => [
          name,
          integers.has(name) && typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value,
        ]),
      )
    },
  }
}

/** All operations of the document, in its order. Throws TypeError when the document contradicts itself. */
export function readOperations(): readonly Operation[] {
  const compile = createSchemaCompiler()
  return Object.entries(paths).flatMap(([path, item]) => [
    ...(item.get === undefined ? [] : [operationOf(compile, path, 'GET', item, item.get)]),
    ...(item.post === undefined ? [] : [operationOf(compile, path, 'POST', item, item.post)]),
  ])
}
