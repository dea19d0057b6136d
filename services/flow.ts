/**
 * The architecture as data: which service reads and writes which topic, and which stores it owns.
 * Topics are created, ACLs are derived and the pictures in the READMEs are drawn from this file; tests tie it to the schemas and the compose file.
 */

/** One Kafka topic. `kept` is what the broker is told; sizes and counts are defaults that a deployment may raise. */
export interface Topic {
  readonly name: string
  /** What the record key holds, for people. */
  readonly key: string
  /** Avro record names on this topic, or one JSON document type. */
  readonly records: readonly string[]
  readonly encoding: 'avro' | 'json'
  readonly partitions: number
  readonly kept: { readonly cleanup: 'delete'; readonly retentionMs: number } | { readonly cleanup: 'compact' }
  /** Whose clock stamps records: the broker's where order by arrival matters, and on signs of life, which say by their own when they were sent. */
  readonly timestamps: 'LogAppendTime' | 'CreateTime'
}

export interface Service {
  /** Folder under services/ and name in the compose file. */
  readonly name: string
  readonly purpose: string
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
  readonly stores: readonly ('clickhouse' | 'redis' | 'disk')[]
  readonly usesRegistry: boolean
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const forEver = -1

export const topics = {
  exchanges: {
    name: 'llm.exchanges.v1',
    key: 'exchange id',
    records: ['Request', 'ShadowPlan', 'Response'],
    encoding: 'avro',
    partitions: 6,
    kept: { cleanup: 'delete', retentionMs: 24 * hourMs },
    timestamps: 'LogAppendTime',
  },
  evidence: {
    name: 'llm.evidence.v1',
    key: 'run id',
    records: ['Evidence'],
    encoding: 'avro',
    partitions: 3,
    kept: { cleanup: 'delete', retentionMs: 90 * dayMs },
    timestamps: 'CreateTime',
  },
  progress: {
    name: 'llm.progress.v1',
    key: 'source, exchange partition',
    records: ['Progress'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'delete', retentionMs: dayMs },
    timestamps: 'CreateTime',
  },
  snapshots: {
    name: 'gate.snapshots.v1',
    key: 'run id',
    records: ['GateSnapshot'],
    encoding: 'json',
    partitions: 1,
    kept: { cleanup: 'compact' },
    timestamps: 'CreateTime',
  },
  commands: {
    name: 'rollout.commands.v1',
    key: 'run id',
    records: ['Command'],
    encoding: 'avro',
    partitions: 3,
    kept: { cleanup: 'delete', retentionMs: 90 * dayMs },
    timestamps: 'CreateTime',
  },
  decisions: {
    name: 'rollout.decisions.v1',
    key: 'run id',
    records: ['Decision'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'delete', retentionMs: forEver },
    timestamps: 'CreateTime',
  },
  runs: {
    name: 'rollout.runs.v1',
    key: 'run id, or golden/<digest>/<index>',
    records: ['Run', 'GoldenChunk'],
    encoding: 'json',
    partitions: 1,
    kept: { cleanup: 'compact' },
    timestamps: 'CreateTime',
  },
  splits: {
    name: 'control.splits.v1',
    key: 'route',
    records: ['Split'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'compact' },
    timestamps: 'CreateTime',
  },
  brakes: {
    name: 'control.brakes.v1',
    key: '<route>/latch/<id> or <route>/kill/<id>',
    records: ['Latch', 'Kill'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'compact' },
    timestamps: 'CreateTime',
  },
  heartbeats: {
    name: 'control.heartbeats.v1',
    key: 'gate id',
    records: ['Heartbeat'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'delete', retentionMs: 300_000 },
    timestamps: 'LogAppendTime',
  },
  acks: {
    name: 'control.acks.v1',
    key: 'router id',
    records: ['Ack'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'delete', retentionMs: 90 * dayMs },
    timestamps: 'LogAppendTime',
  },
  deadLetters: {
    name: 'llm.dead-letters.v1',
    key: 'origin topic',
    records: ['DeadLetter'],
    encoding: 'avro',
    partitions: 1,
    kept: { cleanup: 'delete', retentionMs: 14 * dayMs },
    timestamps: 'CreateTime',
  },
} as const satisfies Record<string, Topic>

/** In the order in which a request meets them. */
export const services = {
  gateway: {
    name: 'gateway',
    purpose: 'serves the APIs of OpenAI and Anthropic, splits traffic, taps every exchange',
    consumes: [topics.splits.name, topics.brakes.name, topics.heartbeats.name],
    produces: [topics.exchanges.name, topics.acks.name],
    stores: ['disk'],
    usesRegistry: true,
  },
  shadow: {
    name: 'shadow',
    purpose: 'plans and replays sampled requests on the other model',
    consumes: [topics.exchanges.name, topics.splits.name, topics.brakes.name],
    produces: [topics.exchanges.name, topics.deadLetters.name],
    stores: ['redis'],
    usesRegistry: true,
  },
  pairing: {
    name: 'pairing',
    purpose: 'reduces exchanges to facts and joins baseline and candidate by exchange id',
    consumes: [topics.exchanges.name, topics.runs.name, topics.progress.name],
    produces: [topics.exchanges.name, topics.evidence.name, topics.progress.name, topics.deadLetters.name],
    stores: [],
    usesRegistry: true,
  },
  sink: {
    name: 'sink',
    purpose: 'writes exchanges (redacted), evidence, decisions and acks into ClickHouse exactly once',
    consumes: [topics.exchanges.name, topics.evidence.name, topics.decisions.name, topics.acks.name],
    produces: [topics.deadLetters.name],
    stores: ['clickhouse'],
    usesRegistry: true,
  },
  gateEvaluator: {
    name: 'gate-evaluator',
    purpose: 'judges evidence; latches harm at once, permits advance at planned looks, beats while it can see',
    consumes: [topics.evidence.name, topics.progress.name, topics.runs.name, topics.snapshots.name],
    produces: [
      topics.brakes.name,
      topics.heartbeats.name,
      topics.commands.name,
      topics.snapshots.name,
      topics.deadLetters.name,
    ],
    stores: [],
    usesRegistry: true,
  },
  rolloutController: {
    name: 'rollout-controller',
    purpose: 'the only writer of splits: moves runs through their stages and records every decision',
    consumes: [
      topics.commands.name,
      topics.runs.name,
      topics.splits.name,
      topics.decisions.name,
      topics.brakes.name,
      topics.acks.name,
    ],
    produces: [topics.splits.name, topics.runs.name, topics.decisions.name, topics.deadLetters.name],
    stores: [],
    usesRegistry: true,
  },
  api: {
    name: 'api',
    purpose: 'HTTP for people and CI; keeps read models in memory, turns requests into commands and brakes',
    consumes: [
      topics.runs.name,
      topics.splits.name,
      topics.brakes.name,
      topics.acks.name,
      topics.decisions.name,
      topics.snapshots.name,
      topics.heartbeats.name,
    ],
    produces: [topics.commands.name, topics.brakes.name, topics.runs.name],
    stores: ['clickhouse'],
    usesRegistry: true,
  },
} as const satisfies Record<string, Service>

/** One thing that a principal may do, in the words of `kafka-acls`. */
export interface Right {
  readonly resource: 'topic' | 'group' | 'transactional-id' | 'cluster'
  readonly name: string
  readonly prefixed: boolean
  readonly operations: readonly string[]
}

/** Services that write in Kafka transactions: the controller's state, decision and split become visible together or not at all. */
const transactional: ReadonlySet<string> = new Set([services.rolloutController.name])
/** Topics of which a service needs to know how many partitions they have, and reads nothing. */
const counting: ReadonlyMap<string, readonly string[]> = new Map([
  [services.gateEvaluator.name, [topics.exchanges.name]],
])
/** Services that are asked whether the installation is well: they may look at all of it, and change nothing. */
const looking: ReadonlySet<string> = new Set([services.api.name])

/** Who a service is on a broker that has an authoriser. */
export function principalOf(name: string): string {
  return `User:penstock-${name}`
}

/**
 * What each service may do: read what it consumes, write what it produces, nothing else. Consumer groups and transactional ids begin with the
 * service's name, as every service's configuration defaults to.
 */
export function rightsOf({ name, consumes, produces }: Service): readonly Right[] {
  const right = (resource: Right['resource'], of: string, operations: readonly string[], prefixed = false): Right => ({
    resource,
    name: of,
    prefixed,
    operations,
  })
  return [
    ...consumes.map((topic) => right('topic', topic, ['Read', 'Describe'])),
    ...produces.map((topic) => right('topic', topic, ['Write', 'Describe'])),
    ...(counting.get(name) ?? []).map((topic) => right('topic', topic, ['Describe'])),
    ...(consumes.length > 0 ? [right('group', name, ['Read', 'Describe'], true)] : []),
    ...(transactional.has(name) ? [right('transactional-id', name, ['Write', 'Describe'], true)] : []),
    ...(looking.has(name)
      ? [
          ...Object.values(topics).map((topic) => right('topic', topic.name, ['Describe', 'DescribeConfigs'])),
          ...Object.values<Service>(services).map((service) => right('group', service.name, ['Describe'], true)),
          right('cluster', 'kafka-cluster', ['Describe']),
        ]
      : []),
  ]
}
