import type {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Admin,
  ConfigResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import type { BrokerInspector, GivenRight, GroupFacts, TopicFacts } from './broker-inspector.ts'
import type { BrokerSecurity } from './broker-security.ts'
import { createKafkajsClient } from './kafkajs-client.ts'
import { inOwnNames } from './own-rights.ts'
import { topicEnds } from './topic-ends.ts'
import { createTopicNames, type TopicNames } from './topic-names.ts'
import { transportError } from './transport-error.ts'

export interface InspectorOptions {
  readonly clientId: string
  readonly brokers: string
  readonly security: BrokerSecurity
  readonly topicPrefix: string
  readonly log: Logger
}

/** Whoever looks wants an answer, not perseverance: nothing is tried for long. */
const connectionTimeoutMs = 2_000
const requestTimeoutMs = 4_000

/** Connects at the first question. Every question throws TransportError when the broker is away or refuses. */
export function createKafkajsInspector(options: InspectorOptions): BrokerInspector {
  const names = createTopicNames(options.topicPrefix)
  const kafka = createKafkajsClient({
    clientId: options.clientId,
    brokers: options.brokers,
    security: options.security,
    log: options.log,
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: { initialRetryTime: 100, maxRetryTime: 300, retries: 1 },
  })
  const admin = kafka.admin()
  let connecting: Promise<void> | null = null
  const ask = async <T>(doing: string, call: (client: Admin) => Promise<T>): Promise<T> => {
    try {
      connecting ??= admin.connect()
      await connecting
      return await call(admin)
    } catch (cause) {
      throw transportError(cause, doing)
    }
  }
  return {
    cluster: () =>
      ask('asking for the brokers', async (client) => {
        const { brokers, controller, clusterId } = await client.describeCluster()
        return { id: clusterId, brokers: brokers.length, controller }
      }),
    topics: (wanted) => ask('looking at topics', (client) => topicsOf(client, names, wanted)),
    groups: () => ask('looking at groups', (client) => groupsOf(client, names, options.topicPrefix)),
    committed: (groupId, topics) =>
      ask('asking for committed offsets', async (client) => {
        const answer = await client.fetchOffsets({
          groupId: names.toBroker(groupId),
          topics: topics.map(names.toBroker),
        })
        return answer
          .flatMap(({ topic, partitions }) =>
            partitions.map(({ partition, offset }) => ({
              topic: names.fromBroker(topic),
              partition,
              offset: Number(offset),
            })),
          )
          .filter(({ offset }) => offset >= 0)
      }),
    bounds: (topic, sinceMs) =>
      ask(`asking for offsets of ${topic}`, async (client) => {
        const ends = await topicEnds(client, names.toBroker(topic))
        const since = await client.fetchTopicOffsetsByTimestamp(names.toBroker(topic), sinceMs)
        return ends.map(({ partition, low, high }) => {
          const found = Number(since.find((candidate) => candidate.partition === partition)?.offset ?? -1)
          return { partition, low, high, since: found < 0 ? high : found }
        })
      }),
    rights: () =>
      ask('asking for rights', async (client) => {
        const given = await rightsOf(client)
        return given === null ? null : given.flatMap((right) => inOwnNames(right, options.topicPrefix) ?? [])
      }),
    async close() {
      await connecting?.catch(() => undefined)
      await admin.disconnect()
    },
  }
}

async function topicsOf(client: Admin, names: TopicNames, wanted: readonly string[]): Promise<readonly TopicFacts[]> {
  const existing = new Set(await client.listTopics())
  // Asking for the metadata of a missing topic may make it.
  const present = wanted.map(names.toBroker).filter((name) => existing.has(name))
  if (present.length === 0) return []
  const [{ topics }, { resources }] = await Promise.all([
    client.fetchTopicMetadata({ topics: present }),
    client.describeConfigs({
      includeSynonyms: false,
      resources: present.map((name) => ({ type: topicResource, name })),
    }),
  ])
  return topics.map(({ name, partitions }) => ({
    name: names.fromBroker(name),
    partitions: partitions.map(({ partitionId, leader, replicas, isr }) => ({
      id: partitionId,
      leader,
      replicas: replicas.length,
      inSync: isr.length,
    })),
    config: new Map(
      resources
        .filter(({ resourceName }) => resourceName === name)
        .flatMap(({ configEntries }) => configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ),
  }))
}

async function groupsOf(client: Admin, names: TopicNames, prefix: string): Promise<readonly GroupFacts[]> {
  const { groups: all } = await client.listGroups()
  const own = all.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix))
  if (own.length === 0) return []
  const { groups } = await client.describeGroups(own)
  return groups.map(({ groupId, state, members }) => ({
    id: names.fromBroker(groupId),
    state,
    members: members.length,
  }))
}

/** Node does not see enumerations among the named exports of this CommonJS package, so their values stand here. */
const topicResource: ConfigResourceTypes.TOPIC = 2
const anyResource: AclResourceTypes.ANY = 1
const anyPattern: ResourcePatternTypes.ANY = 1
const anyOperation: AclOperationTypes.ANY = 1
const anyPermission: AclPermissionTypes.ANY = 1
const allowed = 3
const prefixedPattern = 4
const resourceNames = new Map<number, GivenRight['resource']>([
  [2, 'topic'],
  [3, 'group'],
  [4, 'cluster'],
  [5, 'transactional-id'],
])
const operationNames = new Map<number, string>([
  [2, 'All'],
  [3, 'Read'],
  [4, 'Write'],
  [5, 'Create'],
  [6, 'Delete'],
  [7, 'Alter'],
  [8, 'Describe'],
  [9, 'ClusterAction'],
  [10, 'DescribeConfigs'],
  [11, 'AlterConfigs'],
  [12, 'IdempotentWrite'],
])

/** In the names of the broker. */
async function rightsOf(client: Admin): Promise<readonly GivenRight[] | null> {
  try {
    const { resources } = await client.describeAcls({
      resourceType: anyResource,
      resourcePatternType: anyPattern,
      operation: anyOperation,
      permissionType: anyPermission,
    })
    return resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
      acls.map(({ principal, permissionType, operation }) => ({
        principal,
        allows: permissionType === allowed,
        resource: resourceNames.get(resourceType) ?? 'other',
        name: resourceName,
        prefixed: resourcePatternType === prefixedPattern,
        operation: operationNames.get(operation) ?? null,
      })),
    )
  } catch (cause) {
    if ((cause as { readonly type?: string }).type === 'SECURITY_DISABLED') return null
    throw cause
  }
}
