import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { PenstockError } from '../../domain/outcome/penstock-error.ts'

/** A call to the schema registry failed. Retriable when it is away; otherwise the schema was refused and the message says why. */
export class RegistryError extends PenstockError {}

/** Registry I/O: ids of known schemas, texts of foreign ids, and the one-time registration. */
export interface RegistryClient {
  /** Id under which exactly this text is registered; null when it is not. */
  idOf(subject: string, schemaText: string): Promise<number | null>
  /** Writer schema of an id; null when the registry knows no such id. */
  textOf(id: number): Promise<string | null>
  /** Sets the subject's compatibility first, then registers; returns the id. Throws RegistryError INCOMPATIBLE with the registry's reason. */
  register(subject: string, schemaText: string, compatibility: string): Promise<number>
}

const callTimeoutMs = 5_000

/** `url` is the base of the Confluent API, for Apicurio ending in /apis/ccompat/v7. */
export function createRegistryClient(url: string): RegistryClient {
  const base = url.replace(/\/$/, '')
  const registry = new SchemaRegistry({ host: base, retry: { retries: 2 } })
  const schemaOf = (text: string) => ({ type: SchemaType.AVRO as const, schema: text })
  return {
    async idOf(subject, schemaText) {
      try {
        return await registry.getRegistryIdBySchema(subject, schemaOf(schemaText))
      } catch (cause) {
        // The package wraps a 404 of this question, and only that, in its own base error.
        if ((cause as Error).name === 'ConfluentSchemaRegistryError') return null
        throw away(cause, `asking for the id of ${subject}`)
      }
    },
    async textOf(id) {
      const response = await callRegistry(`${base}/schemas/ids/${id}`, {})
      if (response.status === 404) return null
      if (!response.ok) throw away(new Error(`status ${response.status}`), `asking for schema ${id}`)
      const { schema } = (await response.json()) as { readonly schema: string }
      return schema
    },
    async register(subject, schemaText, compatibility) {
      const config = await callRegistry(`${base}/config/${encodeURIComponent(subject)}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ compatibility }),
      })
      if (!config.ok)
        throw away(
          new Error(`status ${config.status}: ${await config.text()}`),
          `setting the compatibility of ${subject}`,
        )
      const response = await callRegistry(`${base}/subjects/${encodeURIComponent(subject)}/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema: schemaText }),
      })
      if (response.ok) return ((await response.json()) as { readonly id: number }).id
      const text = await response.text()
      if (response.status === 409 || response.status === 422) {
        throw new RegistryError(`the registry refused ${subject}: ${text}`, { code: 'INCOMPATIBLE' })
      }
      throw away(new Error(`status ${response.status}: ${text}`), `registering ${subject}`)
    },
  }
}

/** One call of the Confluent API. Throws RegistryError REGISTRY_AWAY when there is no answer in time. */
export async function callRegistry(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(callTimeoutMs) })
  } catch (cause) {
    throw away(cause, `calling ${new URL(url).host}`)
  }
}

function away(cause: unknown, doing: string): RegistryError {
  return new RegistryError(`${doing}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    code: 'REGISTRY_AWAY',
    retriable: true,
    cause,
  })
}
