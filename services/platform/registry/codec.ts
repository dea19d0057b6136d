/** What decodes the Confluent wire format (0x00, 4-byte schema id, Avro body) for a closed set of records. `Records` maps record name → value type. */
export interface Decoder<Records extends object> {
  /**
   * Decodes a value; a promise only when its writer schema id is not cached yet.
   * Never throws for bad input: garbage, truncated bodies, unknown ids and foreign records are `kind: 'bad'` with a stable code.
   * Throws (retriable) only when the registry is needed and away.
   */
  decode(value: Uint8Array): Decoded<Records> | Promise<Decoded<Records>>
}

/** Encodes and decodes. Ids are looked up once and cached on disk, so a running service and a restart need no registry. */
export interface Codec<Records extends object> extends Decoder<Records> {
  encode<Name extends keyof Records & string>(name: Name, value: Records[Name]): Buffer
}

export interface ProjectingCodec<Records extends object> extends Codec<Records> {
  /**
   * A decoder that builds only the named fields of the named records; the rest, bodies above all, is passed over unread. Any other record is bad
   * with the code FOREIGN_RECORD. Fields that are `lent` are not copied out of the value: bytes lie in it, and a text is its bytes if it is ASCII alone, else
   * a string.
   */
  project<const Fields extends Projection<Records>, const Lent extends Projection<Records> = Record<never, never>>(
    fields: Fields,
    lent?: Lent,
  ): Decoder<Projected<Records, Fields, Lent>>
}

export type Projection<Records extends object> = {
  readonly [Name in keyof Records]?: readonly (keyof Records[Name])[]
}

export type Projected<
  Records extends object,
  Fields extends Projection<Records>,
  Lent extends Projection<Records> = Record<never, never>,
> = {
  [Name in keyof Records & keyof Fields]: {
    readonly [Field in Named<Fields[Name]> & keyof Records[Name]]: Name extends keyof Lent
      ? Field extends Named<Lent[Name]>
        ? LentValue<Records[Name][Field]>
        : Records[Name][Field]
      : Records[Name][Field]
  }
}

type Named<Names> = Names extends readonly (infer Name)[] ? Name : never
type LentValue<Value> = Value extends string ? string | Uint8Array : Value

export type Decoded<Records extends object> =
  | {
      [Name in keyof Records & string]: {
        readonly kind: 'record'
        readonly name: Name
        readonly value: Records[Name]
        readonly schemaId: number
      }
    }[keyof Records & string]
  | { readonly kind: 'bad'; readonly code: BadRecordCode; readonly reason: string }

export type BadRecordCode =
  | 'EMPTY'
  | 'NOT_CONFLUENT'
  | 'UNKNOWN_SCHEMA'
  | 'FOREIGN_RECORD'
  | 'UNREADABLE'
  | 'INVALID_VALUE'
