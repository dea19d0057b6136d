import { type Service, services, type Topic, topics } from '../../flow.ts'
import type { BrokerInspector, GroupFacts, PartitionBounds, TopicFacts } from '../../platform/kafka/broker-inspector.ts'
import { TransportError } from '../../platform/kafka/transport-error.ts'
import { type Check, count, fail, ok, unknown, warn, within } from './check.ts'
import { judgeRights } from './rights-check.ts'

const deployFix = 'run the deploy step: npm run deploy'
/** Largest record batch that producers send. */
const batchBytes = 1_000_000
const minuteMs = 60_000

export interface BrokerLook {
  readonly inspector: BrokerInspector
  readonly brokers: string
  readonly nowMs: number
  readonly withinMs: number
}

/** Everything that is known by asking the broker. When it is away the rest is said to be unknown and nothing of it is waited for. */
export async function lookAtBroker(look: BrokerLook): Promise<readonly Check[]> {
  const { inspector, brokers, withinMs } = look
  let cluster: Check
  try {
    const { brokers: running, controller } = await within(withinMs, () => inspector.cluster())
    cluster =
      controller === null
        ? fail('broker', `${count(running, 'broker')} at ${brokers} and no controller`, 'look at the logs of Kafka')
        : ok('broker', `${count(running, 'broker')} at ${brokers}`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const isDenied = error instanceof TransportError && error.code === 'ACCESS_DENIED'
    const fix =
      isDenied || /TLS|certificate/i.test(why)
        ? 'mend the file that PENSTOCK_KAFKA_SECURITY_FILE of the API names; others may be let in all the same'
        : 'start Kafka (natively: npm run stack -- up), or mend PENSTOCK_KAFKA_BROKERS of the API; routers go by their lease meanwhile'
    const away = (['topics', 'rights', 'services', 'lag', 'dead letters'] as const).map((part) =>
      unknown(part, 'the broker does not answer'),
    )
    return [fail('broker', `no answer from ${brokers}: ${why}`, fix), ...away]
  }
  const names = Object.values(topics).map(({ name }) => name)
  const found = within(withinMs, () => inspector.topics(names))
  // Asking for offsets of a topic that is missing says nothing about the others.
  const existing = found.then((facts) => facts.map(({ name }) => name)).catch(() => names)
  const parts = [
    looked('topics', look, async () => judgeTopics(await found)),
    looked('rights', look, async () => judgeRights(await inspector.rights())),
    looked('services', look, async () => lookAtGroups(look, await inspector.groups(), await existing)),
    looked('dead letters', look, async () =>
      (await existing).includes(topics.deadLetters.name) ? lookAtDeadLetters(look) : [],
    ),
  ]
  return [cluster, ...(await Promise.all(parts)).flat()]
}

async function looked(
  part: Check['part'],
  { withinMs }: BrokerLook,
  act: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await within(withinMs, act)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const fix = /AUTHORIZATION/i.test(why)
      ? 'give User:penstock-api the rights of infra/kafka/acls.txt'
      : 'ask again; if it stays, look at the logs of Kafka'
    return [warn(part, `could not be looked at: ${why}`, fix)]
  }
}

/** Topics against the flow: partitions, what is kept, whose clock stamps, leaders and replicas. */
function judgeTopics(found: readonly TopicFacts[]): readonly Check[] {
  const checks = Object.values<Topic>(topics).flatMap((topic) => judgeTopic(topic, found))
  return checks.length > 0 ? checks : [ok('topics', `all ${found.length} are as services/flow.ts says`)]
}

function judgeTopic(topic: Topic, found: readonly TopicFacts[]): readonly Check[] {
  const facts = found.find(({ name }) => name === topic.name)
  if (facts === undefined) return [fail('topics', `${topic.name} is missing`, deployFix)]
  const leaderless = facts.partitions.filter(({ leader }) => leader < 0)
  const behind = facts.partitions.filter(({ inSync, replicas }) => inSync < replicas)
  return [
    ...judgePartitions(topic, facts),
    ...(leaderless.length === 0
      ? []
      : [
          fail(
            'topics',
            `${topic.name} has ${count(leaderless.length, 'partition')} without a leader`,
            'bring the missing brokers back',
          ),
        ]),
    ...(behind.length === 0
      ? []
      : [
          warn(
            'topics',
            `${topic.name} has ${count(behind.length, 'partition')} with replicas out of sync`,
            'look for a broker that is away or slow',
          ),
        ]),
    ...judgeConfig(topic, facts.config),
  ]
}

/** More partitions than the flow says only spread the work; where it says one, order over all records is what the topic is for. */
function judgePartitions({ name, partitions: wanted }: Topic, { partitions }: TopicFacts): readonly Check[] {
  const has = partitions.length
  if (has === wanted || (has > wanted && wanted > 1)) return []
  if (has < wanted)
    return [
      warn(
        'topics',
        `${name} has ${count(has, 'partition')}, fewer than ${wanted}`,
        `kafka-topics --alter --topic ${name} --partitions ${wanted}, while no run is active`,
      ),
    ]
  return [
    fail(
      'topics',
      `${name} has ${has} partitions and must have 1`,
      'make it anew with one partition: its readers need one order',
    ),
  ]
}

function judgeConfig(topic: Topic, config: ReadonlyMap<string, string>): readonly Check[] {
  const { name, kept, timestamps } = topic
  const set = (key: string, value: string) =>
    `kafka-configs --alter --entity-type topics --entity-name ${name} --add-config ${key}=${value}`
  const checks: Check[] = []
  const differs = (key: string, wanted: string, judge: typeof fail) => {
    const has = config.get(key)
    if (has !== undefined && has !== wanted)
      checks.push(judge('topics', `${name} has ${key} ${has}, not ${wanted}`, set(key, wanted)))
  }
  differs('cleanup.policy', kept.cleanup, fail)
  differs('message.timestamp.type', timestamps, fail)
  const retentionMs = Number(config.get('retention.ms') ?? -1)
  if (kept.cleanup === 'delete' && retentionMs >= 0 && (kept.retentionMs < 0 || retentionMs < kept.retentionMs))
    differs('retention.ms', String(kept.retentionMs), warn)
  const bytesMax = Number(config.get('max.message.bytes') ?? batchBytes)
  if (bytesMax < batchBytes)
    checks.push(
      fail(
        'topics',
        `${name} takes batches of ${bytesMax} bytes, and producers send ${batchBytes}`,
        set('max.message.bytes', String(batchBytes)),
      ),
    )
  return checks
}

/** Behind the last record that a transaction wrote stands its end, which no consumer sees and none commits. */
const markersBehind = (topic: string) =>
  (services.rolloutController.produces as readonly string[]).includes(topic) ? 1 : 0

/** Services that share a group's partitions and commit; the others read by themselves. */
const committing: readonly Service[] = [services.shadow, services.pairing, services.sink, services.rolloutController]

/** Which services run, told by who is a member of a group that begins with their name, and how far the groups that commit have come. */
export async function lookAtGroups(
  look: BrokerLook,
  groups: readonly GroupFacts[],
  existing: readonly string[],
): Promise<readonly Check[]> {
  const checks: Check[] = []
  const running: string[] = []
  for (const { name, consumes } of Object.values<Service>(services)) {
    const own = groups.filter(({ id }) => id === name || id.startsWith(`${name}-`))
    const commits = committing.some((service) => service.name === name)
    const working = commits ? own.filter(({ id }) => !id.includes('-reader-')) : own
    const fix = `start ${name} and look at its log and its /readyz`
    if (own.every(({ members }) => members === 0))
      checks.push(fail('services', `${name} reads nothing: no member of its groups is known to the broker`, fix))
    else running.push(name)
    if (commits)
      checks.push(
        ...(
          await Promise.all(
            working.map((group) =>
              judgeGroup(
                look,
                group,
                consumes.filter((topic) => existing.includes(topic)),
                fix,
              ),
            ),
          )
        ).flat(),
      )
  }
  if (running.length === Object.keys(services).length)
    checks.unshift(ok('services', `all ${running.length} read their topics`))
  if (!checks.some(({ part }) => part === 'lag'))
    checks.push(ok('lag', 'every group is within 3 min of the ends of its topics'))
  return checks
}

const lagWarnMs = minuteMs * 3
const lagFailMs = minuteMs * 30

async function judgeGroup(
  { inspector, nowMs }: BrokerLook,
  group: GroupFacts,
  consumes: readonly string[],
  fix: string,
): Promise<readonly Check[]> {
  const committed = await inspector.committed(group.id, consumes)
  const own = [...new Set(committed.map(({ topic }) => topic))]
  if (group.members === 0 && own.length > 0)
    return [fail('lag', `group ${group.id} stands still: it has no member`, fix)]
  const checks: Check[] = []
  for (const topic of own) {
    const [late, veryLate] = await Promise.all(
      [lagWarnMs, lagFailMs].map((ageMs) => inspector.bounds(topic, nowMs - ageMs)),
    )
    const offsets = new Map(committed.filter((at) => at.topic === topic).map((at) => [at.partition, at.offset]))
    const before = (bounds: readonly PartitionBounds[] | undefined, edge: 'since' | 'low') =>
      (bounds ?? []).filter(
        (bound) => (offsets.get(bound.partition) ?? bound[edge]) + markersBehind(topic) < bound[edge],
      )
    const lost = before(late, 'low')
    const behind = (late ?? []).reduce((sum, { partition, high }) => sum + high - (offsets.get(partition) ?? high), 0)
    const where = `group ${group.id} on ${topic}`
    if (lost.length > 0 && behind > 0)
      checks.push(
        fail(
          'lag',
          `${where} has missed what retention removed from ${count(lost.length, 'partition')}`,
          'evidence of that time is lost: hold or retry the runs of that time, and keep the topic longer',
        ),
      )
    else if (before(veryLate, 'since').length > 0)
      checks.push(fail('lag', `${where} is more than 30 min behind, by ${count(behind, 'record')}`, fix))
    else if (before(late, 'since').length > 0)
      checks.push(
        warn(
          'lag',
          `${where} is more than 3 min behind, by ${count(behind, 'record')}`,
          `wait while it catches up; if the number grows, ${fix}`,
        ),
      )
  }
  return checks
}

async function lookAtDeadLetters({ inspector, nowMs }: BrokerLook): Promise<readonly Check[]> {
  const bounds = await inspector.bounds(topics.deadLetters.name, nowMs - 60 * minuteMs)
  const fresh = bounds.reduce((sum, { since, high }) => sum + high - since, 0)
  return fresh === 0
    ? [ok('dead letters', 'none in the last hour')]
    : [
        warn(
          'dead letters',
          `${count(fresh, 'record')} could not be used in the last hour`,
          `read ${topics.deadLetters.name}: each names its origin and why`,
        ),
      ]
}
