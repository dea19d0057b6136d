import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { createAvroCodec } from './avro-codec.ts'
import type { ProjectingCodec } from './codec.ts'
import { createRegistryClient, RegistryError } from './registry-client.ts'

export interface OpenCodecOptions<Records extends object> {
  readonly registryUrl: string
  /** Ids and foreign schemas are kept here, so that a restart works without the registry. */
  readonly stateDir: string
  /** Put before record names to make subjects, e.g. `penstock.v1.`. */
  readonly subjectPrefix: string
  readonly schemaTexts: Readonly<Record<keyof Records & string, string>>
}

interface Cache {
  readonly ids: Record<string, number>
  readonly foreign: Record<string, string>
}

/** Looks up the ids of our schemas (registry first, then the cache on disk). Throws RegistryError when a schema is not registered or nobody can say. */
export async function openCodec<Records extends object>(
  options: OpenCodecOptions<Records>,
): Promise<ProjectingCodec<Records>> {
  const client = createRegistryClient(options.registryUrl)
  const digest = createHash('sha256')
    .update(options.registryUrl)
    .update(JSON.stringify(options.schemaTexts))
    .digest('hex')
    .slice(0, 16)
  const path = join(options.stateDir, `schemas-${digest}.json`)
  const cache = readCache(path)
  const names = Object.keys(options.schemaTexts) as (keyof Records & string)[]
  await Promise.all(
    names.map(async (name) => {
      const id = await client.idOf(options.subjectPrefix + name, options.schemaTexts[name]).catch((error: unknown) => {
        const kept = cache.ids[name]
        if (kept === undefined || !(error instanceof RegistryError) || !error.retriable) throw error
        return kept
      })
      if (id === null)
        throw new RegistryError(
          `${options.subjectPrefix}${name} is not registered in this version; run the deploy step`,
          { code: 'NOT_REGISTERED', retriable: true },
        )
      cache.ids[name] = id
    }),
  )
  writeCache(path, cache)
  return createAvroCodec<Records>(
    options.schemaTexts,
    cache.ids as Record<keyof Records & string, number>,
    async (id) => {
      const known = cache.foreign[String(id)]
      if (known !== undefined) return known
      const text = await client.textOf(id)
      if (text !== null) {
        cache.foreign[String(id)] = text
        writeCache(path, cache)
      }
      return text
    },
  )
}

function readCache(path: string): Cache {
  try {
    const cache = JSON.parse(readFileSync(path, 'utf8')) as Partial<Cache>
    return { ids: { ...cache.ids }, foreign: { ...cache.foreign } }
  } catch {
    return { ids: {}, foreign: {} }
  }
}

/** Written whole and renamed: a crash leaves the former file. Under a name of this thread's own: a gateway opens a codec on its main thread and on its tap's. */
function writeCache(path: string, cache: Cache): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const temporary = `${path}.${process.pid}.${threadId}.tmp`
  writeFileSync(temporary, JSON.stringify(cache))
  renameSync(temporary, path)
}
