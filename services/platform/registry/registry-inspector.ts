import { callRegistry, RegistryError } from './registry-client.ts'

/** How one subject stands to a schema text. */
export interface SubjectFacts {
  /** Null: the subject is unknown. */
  readonly versions: number | null
  /** The version that is exactly this text; null when none is. */
  readonly version: number | null
  /** Why the text could not be registered now; null when it is registered or could be. */
  readonly incompatible: string | null
  /** Compatibility that the registry keeps for the subject. */
  readonly level: string | null
}

const contentType = { 'content-type': 'application/vnd.schemaregistry.v1+json' }

/** Looks at a subject and changes nothing. Throws RegistryError when the registry is away or answers what the Confluent API does not. */
export async function inspectSubject(url: string, subject: string, schemaText: string): Promise<SubjectFacts> {
  const base = url.replace(/\/$/, '')
  const path = `${base}/subjects/${encodeURIComponent(subject)}`
  const schema = JSON.stringify({ schema: schemaText })
  const found = await callRegistry(path, { method: 'POST', headers: contentType, body: schema })
  const version = found.ok ? ((await jsonOf(found)) as { readonly version: number }).version : null
  if (!found.ok && found.status !== 404) throw unexpected(found, `asking for ${subject}`)
  const listed = await callRegistry(`${path}/versions`, {})
  if (!listed.ok && listed.status !== 404) throw unexpected(listed, `asking for the versions of ${subject}`)
  const versions = listed.ok ? ((await jsonOf(listed)) as readonly number[]).length : null
  const config = await callRegistry(`${base}/config/${encodeURIComponent(subject)}`, {})
  const level = config.ok
    ? ((await jsonOf(config)) as { readonly compatibilityLevel?: string }).compatibilityLevel
    : null
  return {
    versions,
    version,
    level: level ?? null,
    incompatible: version !== null || versions === null ? null : await refusalOf(base, subject, schema),
  }
}

async function refusalOf(base: string, subject: string, schema: string): Promise<string | null> {
  const url = `${base}/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`
  const answer = await callRegistry(url, { method: 'POST', headers: contentType, body: schema })
  if (!answer.ok) throw unexpected(answer, `comparing ${subject}`)
  const { is_compatible: fits, messages } = (await jsonOf(answer)) as {
    readonly is_compatible: boolean
    readonly messages?: readonly string[]
  }
  return fits ? null : (messages?.join('; ') ?? 'the registry gives no reason')
}

async function jsonOf(response: Response): Promise<unknown> {
  return response.json().catch(() => {
    throw unexpected(response, 'reading an answer')
  })
}

function unexpected(response: Response, doing: string): RegistryError {
  return new RegistryError(`${doing}: status ${response.status}, which the Confluent API does not answer there`, {
    code: 'NOT_A_REGISTRY',
  })
}
