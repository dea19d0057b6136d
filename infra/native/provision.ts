import { resolve } from 'node:path'
import { archiveClasses } from './class-archive.ts'
import type { Programs } from './programs.ts'
import { type OnProgress, progressFrom } from './progress.ts'
import { provisionClickHouse } from './provision-clickhouse.ts'
import { provisionKafka, provisionRegistry, requireJava } from './provision-java.ts'
import { provisionRedis } from './provision-redis.ts'
import { versions } from './versions.ts'

export interface ProvisionOptions {
  readonly cacheDir: string
  readonly onProgress?: OnProgress
}

/**
 * Brings everything the stack runs into the cache; what is there already is not touched and nothing is asked of the network for it.
 * Waits for all downloads before it throws the first StackError, so that a second try has less to do.
 */
export async function provision({ cacheDir, onProgress }: ProvisionOptions): Promise<Programs> {
  const say = progressFrom(onProgress, () => performance.now())
  const cache = resolve(cacheDir)
  const { java, javaBuild } = await requireJava(versions.java.majorMin)
  // Maven's local repository is not made for two writers: its two downloads go one after the other.
  const withMaven = async (): Promise<readonly [string, string]> => [
    await provisionKafka(cache, versions, say),
    await provisionRegistry(cache, versions, say),
  ]
  const [maven, redis, clickhouse] = await Promise.allSettled([
    withMaven(),
    provisionRedis(cache, versions, say),
    provisionClickHouse(cache, versions, say),
  ])
  if (maven.status === 'rejected') throw maven.reason
  if (redis.status === 'rejected') throw redis.reason
  if (clickhouse.status === 'rejected') throw clickhouse.reason
  const [kafkaLibs, registry] = maven.value
  const programs: Programs = { java, kafkaLibs, registry, redis: redis.value, clickhouse: clickhouse.value }
  const archived = { cacheDir: cache, javaBuild, say }
  const [ofKafka, ofRegistry] = await Promise.all([
    archiveClasses('kafka', programs, archived),
    archiveClasses('registry', programs, archived),
  ])
  return { ...programs, classArchives: { kafka: ofKafka, registry: ofRegistry } }
}
