import { schemaTexts } from '../services/domain/events/schemas.ts'
import { type Topic, topics } from '../services/flow.ts'
import { openClickHouse } from '../services/platform/clickhouse/clickhouse-store.ts'
import { runMigrations } from '../services/platform/clickhouse/migrations.ts'
import type { TopicSpec, Transport } from '../services/platform/kafka/transport.ts'
import { createRegistryClient } from '../services/platform/registry/registry-client.ts'

export const subjectPrefix = 'penstock.v1.'
const compatibility = 'BACKWARD_TRANSITIVE'

export interface DeployOptions {
  readonly transport: Transport
  readonly registryUrl: string
  /** The account that may change tables; null leaves the store alone. */
  readonly clickhouse: {
    readonly url: string
    readonly user: string
    readonly password: string
    readonly database: string
  } | null
  readonly migrations: string
}

export interface Deployed {
  readonly topics: { readonly created: readonly string[]; readonly differing: readonly string[] }
  readonly schemas: Readonly<Record<string, number>>
  readonly migrations: { readonly applied: readonly string[]; readonly present: readonly string[] }
}

/** The one deploy step: topics, schemas with their compatibility, tables. Idempotent; throws the first error it meets. */
export async function deploy(options: DeployOptions): Promise<Deployed> {
  const created = await options.transport.ensureTopics(Object.values(topics).map(topicSpec))
  const client = createRegistryClient(options.registryUrl)
  const schemas: Record<string, number> = {}
  // One after the other: concurrent first registrations of one subject make the registry answer with conflicts.
  for (const [name, text] of Object.entries(schemaTexts))
    schemas[name] = await client.register(subjectPrefix + name, text, compatibility)
  return { topics: created, schemas, migrations: await migrate(options) }
}

async function migrate(options: DeployOptions): Promise<Deployed['migrations']> {
  if (options.clickhouse === null) return { applied: [], present: [] }
  const outside = openClickHouse({ ...options.clickhouse, database: 'default' })
  await outside.command(`CREATE DATABASE IF NOT EXISTS ${options.clickhouse.database}`).finally(() => outside.stop())
  const store = openClickHouse(options.clickhouse)
  return runMigrations(store, options.migrations).finally(() => store.stop())
}

/** Brakes and splits are read whole by every router at its start, so they are compacted early. */
const compactedSegmentMs = 600_000

function topicSpec(topic: Topic): TopicSpec {
  const kept: Record<string, string> =
    topic.kept.cleanup === 'compact'
      ? { 'cleanup.policy': 'compact', 'segment.ms': String(compactedSegmentMs), 'min.cleanable.dirty.ratio': '0.1' }
      : { 'cleanup.policy': 'delete', 'retention.ms': String(topic.kept.retentionMs) }
  return {
    name: topic.name,
    partitions: topic.partitions,
    config: { ...kept, 'message.timestamp.type': topic.timestamps },
  }
}
