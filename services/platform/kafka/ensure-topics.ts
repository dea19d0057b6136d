import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import type { SharedAdmin } from './shared-admin.ts'
import type { TopicSpec } from './transport.ts'
import { TransportError } from './transport-error.ts'

/** Creates what is missing, changes nothing, and names the topics whose partitions or settings are not those of their spec. */
export async function ensureTopics(
  admin: SharedAdmin,
  specs: readonly TopicSpec[],
  toBroker: (name: string) => string,
): Promise<{ readonly created: readonly string[]; readonly differing: readonly string[] }> {
  const doing = 'making topics'
  const existing = new Set(await admin.ask(doing, (client) => client.listTopics()))
  const missing = specs.filter((spec) => !existing.has(toBroker(spec.name)))
  if (missing.length > 0) {
    await admin.ask(doing, (client) =>
      client.createTopics({
        waitForLeaders: false,
        topics: missing.map((spec) => ({
          topic: toBroker(spec.name),
          numPartitions: spec.partitions,
          configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
        })),
      }),
    )
  }
  await waitForLeaders(
    admin,
    missing.map((spec) => toBroker(spec.name)),
  )
  const present = specs.filter((spec) => existing.has(toBroker(spec.name)))
  const names = present.map((spec) => toBroker(spec.name))
  const partitions = await partitionsOf(admin, names)
  const settings = await settingsOf(admin, names)
  const differing = present.filter(
    ({ name, partitions: wanted, config }) =>
      partitions.get(toBroker(name)) !== wanted ||
      Object.entries(config).some(([key, value]) => settings.get(toBroker(name))?.get(key) !== value),
  )
  return { created: missing.map((spec) => spec.name), differing: differing.map((spec) => spec.name) }
}

async function partitionsOf(admin: SharedAdmin, topics: string[]): Promise<ReadonlyMap<string, number>> {
  if (topics.length === 0) return new Map()
  const metadata = await admin.ask('comparing topics', (client) => client.fetchTopicMetadata({ topics }))
  return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]))
}

async function settingsOf(
  admin: SharedAdmin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  if (topics.length === 0) return new Map()
  // Node finds only some of the names that kafkajs exports: this one is reached by the default export alone.
  const resources = topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name }))
  const { resources: described } = await admin.ask('comparing the settings of topics', (client) =>
    client.describeConfigs({ includeSynonyms: false, resources }),
  )
  return new Map(
    described.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  )
}

const leadersWithinMs = 30_000
const leadersPollMs = 100

/** A topic that was just made is unknown to parts of the broker for a moment, and kafkajs gives up on that at once. */
async function waitForLeaders(admin: SharedAdmin, topics: string[]): Promise<void> {
  if (topics.length === 0) return
  for (let waitedMs = 0; ; waitedMs += leadersPollMs) {
    try {
      const { topics: known } = await admin.ask('waiting for new topics', (client) =>
        client.fetchTopicMetadata({ topics }),
      )
      if (known.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return
    } catch (error) {
      if (!(error instanceof TransportError && error.retriable) || waitedMs >= leadersWithinMs) throw error
    }
    await delay(leadersPollMs)
  }
}
