import { readFileSync } from 'node:fs'
import avro from 'avsc'

/** What `generateRecords` derives from the IDL: file path (from the repository's root) → content. */
export type GeneratedFiles = ReadonlyMap<string, string>

type Schema = string | readonly Schema[] | { readonly [key: string]: unknown }

interface NamedType {
  readonly type: 'record' | 'enum'
  readonly name: string
  readonly doc?: string
  readonly symbols?: readonly string[]
  readonly fields?: readonly {
    readonly name: string
    readonly type: Schema
    readonly doc?: string
    readonly default?: unknown
  }[]
}

const sourcePath = 'schemas/avro/contracts.avdl'
const namespace = 'penstock.v1'
const banner = `// Generated from ${sourcePath} by \`npm run generate\`. Do not edit.\n`

/** Records that stand alone on a topic; the others are only parts of these. */
const topLevel = [
  'Request',
  'ShadowPlan',
  'Response',
  'Evidence',
  'Progress',
  'Split',
  'Latch',
  'Kill',
  'Heartbeat',
  'Ack',
  'Command',
  'Decision',
  'DeadLetter',
]

/** Reads the IDL and renders one self-contained .avsc per top-level record, the TypeScript types and the schemas as a module. */
export function generateRecords(root: string): GeneratedFiles {
  const protocol = avro.readProtocol(readFileSync(`${root}/${sourcePath}`, 'utf8')) as unknown as { types: NamedType[] }
  const byName = new Map(protocol.types.map((type) => [type.name, type]))
  const files = new Map<string, string>()
  const schemas: [string, unknown][] = topLevel.map((name) => [name, inlined(name, byName, new Set())])
  for (const [name, schema] of schemas) files.set(`schemas/avro/${name}.avsc`, `${JSON.stringify(schema, null, 2)}\n`)
  files.set('services/domain/events/records.ts', typesModule(protocol.types))
  files.set('services/domain/events/schemas.ts', schemasModule(schemas))
  return files
}

/** Expands named types at their first use, so that each schema can be registered without references. */
function inlined(schema: Schema, byName: ReadonlyMap<string, NamedType>, seen: Set<string>): unknown {
  if (typeof schema === 'string') {
    const named = byName.get(schema)
    if (named === undefined) return schema
    if (seen.has(schema)) return `${namespace}.${schema}`
    seen.add(schema)
    const docs = named.doc === undefined ? {} : { doc: named.doc }
    if (named.type === 'enum') return { type: 'enum', name: named.name, namespace, ...docs, symbols: named.symbols }
    const fields = (named.fields ?? []).map((field) => ({ ...field, type: inlined(field.type, byName, seen) }))
    return { type: 'record', name: named.name, namespace, ...docs, fields }
  }
  if (isUnion(schema)) return schema.map((branch) => inlined(branch, byName, seen))
  if (schema['type'] === 'array') return { type: 'array', items: inlined(schema['items'] as Schema, byName, seen) }
  if (schema['type'] === 'map') return { type: 'map', values: inlined(schema['values'] as Schema, byName, seen) }
  return schema
}

function isUnion(schema: Schema): schema is readonly Schema[] {
  return Array.isArray(schema)
}

const primitives: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Uint8Array',
  string: 'string',
}

function tsType(schema: Schema): string {
  if (typeof schema === 'string') return primitives[schema] ?? schema
  if (isUnion(schema)) {
    return [...schema]
      .sort((a, b) => Number(a === 'null') - Number(b === 'null'))
      .map(tsType)
      .join(' | ')
  }
  if (schema['type'] === 'array') return `readonly ${tsType(schema['items'] as Schema)}[]`
  if (schema['type'] === 'map') return `Readonly<Record<string, ${tsType(schema['values'] as Schema)}>>`
  return tsType(schema['type'] as Schema)
}

function typesModule(types: readonly NamedType[]): string {
  const parts = types.map((type) => {
    const doc = type.doc === undefined ? '' : `/** ${type.doc.replaceAll('\n', '\n *')} */\n`
    if (type.type === 'enum')
      return `${doc}export type ${type.name} = ${(type.symbols ?? []).map((s) => `'${s}'`).join(' | ')}\n`
    const fields = (type.fields ?? []).map((field) => `  readonly ${field.name}: ${tsType(field.type)}`)
    return `${doc}export interface ${type.name} {\n${fields.join('\n')}\n}\n`
  })
  const map = topLevel.map((name) => `  readonly ${name}: ${name}`).join('\n')
  const closing = `/** Record name → value, for the codec. */\nexport interface Records {\n${map}\n}\n\nexport type RecordName = keyof Records\n`
  return `${banner}\n${parts.join('\n')}\n${closing}`
}

function schemasModule(schemas: readonly [string, unknown][]): string {
  const entries = schemas.map(([name, schema]) => `  ${name}: ${JSON.stringify(JSON.stringify(schema))},`)
  return `${banner}
/** Canonical text of each record's Avro schema: the registry compares texts, so everyone must send this one. */
export const schemaTexts = {
${entries.join('\n')}
} as const
`
}
