import type { ClickHouseLibrary } from './provision-clickhouse.ts'
import type { RedisBinary } from './provision-redis.ts'

/** Where the programs of all parts are. */
export interface Programs {
  readonly java: string
  readonly kafkaLibs: string
  readonly registry: string
  readonly redis: RedisBinary
  readonly clickhouse: ClickHouseLibrary
  /** Archives of the classes that the servers in Java load, see class-archive.ts; absent where there are none. */
  readonly classArchives?: Readonly<Partial<Record<'kafka' | 'registry', string>>>
}

/** What a JVM is told so that it takes its classes from an archive; nothing where there is none. One that cannot use it loads them as always. */
export function fromArchive({ classArchives }: Programs, name: 'kafka' | 'registry'): readonly string[] {
  const archive = classArchives?.[name]
  return archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
}
