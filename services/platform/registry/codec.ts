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
   * with the code FOREIGN_RECORD.
   */
  project<const Fields extends Projection<Records>>(fields: Fields): Decoder<Projected<Records, Fields>>
}

export type Projection<Records extends object> = {
  readonly [Name in keyof Records]?: readonly (keyof Records[Name])[]
}

export type Projected<Records extends object, Fields extends Projection<Records>> = {
  [Name in keyof Records & keyof Fields]: Pick<
    Records[Name],
    Fields[Name] extends readonly (infer Field extends keyof Records[Name])[] ? Field : never
  >
}

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
