/**
 * Encodes and decodes the Confluent wire format (0x00, 4-byte schema id, Avro body) for a closed set of records.
 * `Records` maps record name → value type. Ids are looked up once and cached on disk, so a running service and a restart need no registry.
 */
export interface Codec<Records extends object> {
  encode<Name extends keyof Records & string>(name: Name, value: Records[Name]): Buffer
  /**
   * Decodes a value; a promise only when its writer schema id is not cached yet.
   * Never throws for bad input: garbage, truncated bodies, unknown ids and foreign records are `kind: 'bad'` with a stable code.
   * Throws (retriable) only when the registry is needed and away.
   */
  decode(value: Uint8Array): Decoded<Records> | Promise<Decoded<Records>>
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
