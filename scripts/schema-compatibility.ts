/** Avro schemas as JSON, as far as the rules of reading older data need them. */
export type AvroSchema = string | readonly AvroSchema[] | AvroNode

interface AvroNode {
  readonly type: AvroSchema
  readonly name?: string
  readonly namespace?: string
  readonly fields?: readonly AvroField[]
  readonly symbols?: readonly string[]
  readonly items?: AvroSchema
  readonly values?: AvroSchema
  readonly default?: unknown
}

interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly default?: unknown
}

/** What a schema cannot read of an older one: where, and what to do about it. */
export interface Incompatibility {
  readonly path: string
  readonly problem: string
  readonly fix: string
}

type Names = Map<string, AvroNode>

interface Comparing {
  readonly readerNames: Names
  readonly writerNames: Names
}

/** Types that Avro reads as another (specification, "Schema Resolution"). */
const promotions: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

/** Everything in `writer` (released) that `reader` (present) cannot read, by the rules of Avro's schema resolution. Empty: compatible. */
export function incompatibilities(reader: AvroSchema, writer: AvroSchema): readonly Incompatibility[] {
  const names = { readerNames: new Map<string, AvroNode>(), writerNames: new Map<string, AvroNode>() }
  collect(reader, names.readerNames)
  collect(writer, names.writerNames)
  return compare(reader, writer, nameOf(reader), names)
}

function compare(reader: AvroSchema, writer: AvroSchema, path: string, names: Comparing): readonly Incompatibility[] {
  const [to, from] = [resolve(reader, names.readerNames), resolve(writer, names.writerNames)]
  if (Array.isArray(from)) return from.flatMap((branch: AvroSchema) => compare(to, branch, path, names))
  if (Array.isArray(to)) return compareBranch(to, from, path, names)
  const [toType, fromType] = [typeOf(to), typeOf(from)]
  if (toType !== fromType) {
    if (promotions[fromType]?.includes(toType) === true) return []
    return [
      {
        path,
        problem: `was ${fromType} and is ${toType}`,
        fix: `leave it ${fromType} and add a new field with a default`,
      },
    ]
  }
  if (typeof to === 'string' || typeof from === 'string') return []
  return compareNodes(to as AvroNode, from as AvroNode, path, names)
}

function compareNodes(to: AvroNode, from: AvroNode, path: string, names: Comparing): readonly Incompatibility[] {
  if (to.name !== from.name)
    return [
      { path, problem: `was named ${from.name} and is ${to.name}`, fix: 'keep the name: readers find types by it' },
    ]
  if (to.fields !== undefined) return compareFields(to.fields, from.fields ?? [], path, names)
  if (to.symbols !== undefined) {
    const missing = (from.symbols ?? []).filter((symbol) => !to.symbols?.includes(symbol))
    if (missing.length === 0 || to.default !== undefined) return []
    return [{ path, problem: `lost ${missing.join(', ')}`, fix: 'keep every symbol that was ever released' }]
  }
  const [toInner, fromInner] = [to.items ?? to.values, from.items ?? from.values]
  return toInner === undefined || fromInner === undefined ? [] : compare(toInner, fromInner, `${path}[]`, names)
}

function compareFields(
  to: readonly AvroField[],
  from: readonly AvroField[],
  path: string,
  names: Comparing,
): readonly Incompatibility[] {
  return to.flatMap((field) => {
    const at = `${path}.${field.name}`
    const released = from.find(({ name }) => name === field.name)
    if (released !== undefined) return compare(field.type, released.type, at, names)
    if (field.default !== undefined) return []
    return [
      {
        path: at,
        problem: 'is new and has no default',
        fix: `give it a default (\`union { null, … } ${field.name} = null\`), or data released before cannot be read`,
      },
    ]
  })
}

function compareBranch(
  branches: readonly AvroSchema[],
  from: AvroSchema,
  path: string,
  names: Comparing,
): readonly Incompatibility[] {
  const tried = branches.map((branch) => compare(branch, from, path, names))
  if (tried.some((problems) => problems.length === 0)) return []
  // The branch of the same type tells more than "none fits".
  const same = branches.findIndex((branch) => {
    const to = resolve(branch, names.readerNames)
    return typeOf(to) === typeOf(from) && nameOf(to) === nameOf(from)
  })
  return tried[same] ?? [{ path, problem: `no longer takes ${nameOf(from)}`, fix: `keep ${nameOf(from)} in the union` }]
}

function resolve(schema: AvroSchema, names: Names): AvroSchema {
  if (typeof schema === 'string') return names.get(schema.split('.').at(-1) ?? schema) ?? schema
  if (!Array.isArray(schema)) {
    const node = schema as AvroNode
    // {"type": "string"} and {"type": {"type": "array", …}} are the types they wrap.
    if (node.name === undefined && node.items === undefined && node.values === undefined)
      return resolve(node.type, names)
  }
  return schema
}

function collect(schema: AvroSchema, names: Names): void {
  if (typeof schema === 'string') return
  if (Array.isArray(schema)) {
    for (const branch of schema) collect(branch, names)
    return
  }
  const node = schema as AvroNode
  if (node.name !== undefined) names.set(node.name, node)
  for (const inner of [node.items, node.values, ...(node.fields ?? []).map((field) => field.type)])
    if (inner !== undefined) collect(inner, names)
  if (typeof node.type !== 'string') collect(node.type, names)
}

const typeOf = (schema: AvroSchema): string =>
  typeof schema === 'string' ? schema : Array.isArray(schema) ? 'union' : String((schema as AvroNode).type)
const nameOf = (schema: AvroSchema): string =>
  typeof schema === 'string' || Array.isArray(schema) ? typeOf(schema) : ((schema as AvroNode).name ?? typeOf(schema))
