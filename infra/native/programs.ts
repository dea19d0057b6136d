import type { ClickHouseLibrary } from './provision-clickhouse.ts'
import type { RedisBinary } from './provision-redis.ts'

/** Where the programs of all parts are. */
export interface Programs {
  readonly java: string
  readonly kafkaLibs: string
  readonly registry: string
  readonly redis: RedisBinary
  readonly clickhouse: ClickHouseLibrary
  /** Archives of the classes that the servers in Java load, see class-archive.ts; null where there is none, absent in the state of a stack that was started before there were any. */
  readonly classArchives?: Readonly<Record<JavaServer, string | null>>
}

export type JavaServer = 'kafka' | 'registry'

/** What a JVM is told so that it takes its classes from an archive; nothing where there is none. One that cannot use it loads them as always. */
export function fromArchive({ classArchives }: Programs, name: JavaServer): readonly string[] {
  const archive = classArchives?.[name] ?? null
  return archive === null ? [] : [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
}
