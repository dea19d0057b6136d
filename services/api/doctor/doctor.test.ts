import { describe, expect, it } from 'vitest'
import { type Service, services, type Topic, topics } from '../../flow.ts'
import type { ClickHouseStore } from '../../platform/clickhouse/clickhouse-store.ts'
import { migrationDigests } from '../../platform/clickhouse/migrations.ts'
import type { BrokerInspector, TopicFacts } from '../../platform/kafka/broker-inspector.ts'
import { TransportError } from '../../platform/kafka/transport-error.ts'
import type { Signs } from '../signs.ts'
import { lookAtBroker, lookAtGroups } from './broker-checks.ts'
import { createDoctor, type DoctorDeps } from './doctor.ts'

const nowMs = 10_000_000
const clock = { nowMs: () => nowMs, monoMs: () => 100_000 }
const migrations = 'schemas/clickhouse'
const never = new Promise<never>(() => undefined)

const factsOf = (topic: Topic, change: Partial<TopicFacts> = {}): TopicFacts => ({
  name: topic.name,
  partitions: Array.from({ length: topic.partitions }, (_, id) => ({ id, leader: 1, replicas: 1, inSync: 1 })),
  config: new Map([
    ['cleanup.policy', topic.kept.cleanup],
    ['message.timestamp.type', topic.timestamps],
    ['retention.ms', String(topic.kept.cleanup === 'delete' ? topic.kept.retentionMs : 1)],
  ]),
  ...change,
})

function inspectorOf(change: Partial<BrokerInspector> = {}): BrokerInspector {
  return {
    cluster: async () => ({ id: 'c', brokers: 1, controller: 1 }),
    topics: async () => Object.values<Topic>(topics).map((topic) => factsOf(topic)),
    groups: async () => Object.values<Service>(services).map(({ name }) => ({ id: name, state: 'Stable', members: 1 })),
    committed: async (_, names) => names.map((topic) => ({ topic, partition: 0, offset: 10 })),
    bounds: async () => [{ partition: 0, low: 0, high: 10, since: 10 }],
    rights: async () => null,
    close: async () => undefined,
    ...change,
  }
}

function storeOf(answer: (sql: string) => readonly object[] | null): ClickHouseStore {
  const usual = (sql: string): readonly object[] => {
    if (sql.includes('version()')) return [{ version: '26' }]
    if (sql.includes('now64')) return [{ ms: nowMs }]
    return sql.includes('penstock_migrations')
      ? [...migrationDigests(migrations)].map(([name, digest]) => ({ name, digest }))
      : [{ GRANTS: 'GRANT SHOW, SELECT ON penstock*.* TO reader' }]
  }
  const query = async (sql: string) => (answer(sql) ?? usual(sql)) as never
  return { query, insertRowBinary: async () => undefined, command: async () => undefined, stop: async () => undefined }
}

/** Everything of a report that is not well, as `state part: what`. The registry is always away: port 1 refuses. */
async function complaints(change: Partial<DoctorDeps> = {}): Promise<readonly string[]> {
  const report = await createDoctor({
    clock,
    brokers: 'kafka:9092',
    inspect: () => inspectorOf(),
    registryUrl: 'http://127.0.0.1:1',
    store: storeOf(() => null),
    migrations,
    redis: async () => ({ version: '7', nowMs, evicts: 'noeviction' }),
    control: () => null,
    withinMs: 50,
    ...change,
  }).report()
  for (const { state, fix } of report.checks) expect(fix === null).toBe(state === 'ok')
  return report.checks
    .filter(({ state, part }) => state !== 'ok' && !['schemas', 'gates', 'routers', 'brakes'].includes(part))
    .map(({ state, part, what }) => `${state} ${part}: ${what}`)
}

describe('the doctor', () => {
  it('has nothing to say of what is well', async () => {
    expect(await complaints()).toEqual([])
  })

  it('answers although broker, store and Redis hang, and says what it could not see', async () => {
    const hanging = inspectorOf({ cluster: () => never })
    const said = await complaints({ inspect: () => hanging, store: storeOf(() => never as never), redis: () => never })
    expect(said).toEqual([
      'fail broker: no answer from kafka:9092: no answer within 0.05 s',
      ...['topics', 'rights', 'services', 'lag', 'dead letters'].map(
        (part) => `warn ${part}: not known: the broker does not answer`,
      ),
      'fail store: no answer: no answer within 0.05 s',
      'fail redis: no answer: no answer within 0.05 s',
    ])
  })

  it.each([
    ['ACCESS_DENIED', 'SASL failed', /PENSTOCK_KAFKA_SECURITY_FILE/],
    ['BROKER_AWAY', 'self-signed certificate', /PENSTOCK_KAFKA_SECURITY_FILE/],
    ['BROKER_AWAY', 'connect ECONNREFUSED', /^start Kafka/],
  ] as const)('tells a broker that does not let it in from one that is away: %s, %s', async (code, why, fix) => {
    const inspector = inspectorOf({ cluster: () => Promise.reject(new TransportError(why, { code })) })
    const [broker] = await lookAtBroker({ inspector, brokers: 'kafka:9092', nowMs, withinMs: 1_000 })
    expect(broker).toMatchObject({
      state: 'fail',
      what: `no answer from kafka:9092: ${why}`,
      fix: expect.stringMatching(fix),
    })
  })

  it('says what the broker does not let it see', async () => {
    const refusing = inspectorOf({
      groups: () =>
        Promise.reject(new TransportError('looking at groups: GROUP_AUTHORIZATION_FAILED', { code: 'REFUSED' })),
    })
    const said = await complaints({ inspect: () => refusing })
    expect(said).toEqual(['warn services: could not be looked at: looking at groups: GROUP_AUTHORIZATION_FAILED'])
  })

  it('compares topics with the flow', async () => {
    const config = (name: string, value: string) => new Map([[name, value]])
    const others = Object.values<Topic>(topics).filter((topic) => topic !== topics.runs)
    const changes: Record<string, Partial<TopicFacts>> = {
      [topics.exchanges.name]: { config: config('message.timestamp.type', 'CreateTime') },
      [topics.evidence.name]: { config: config('retention.ms', '1000') },
      [topics.decisions.name]: { config: config('retention.ms', '-1') },
      [topics.splits.name]: { partitions: [0, 1].map((id) => ({ id, leader: 1, replicas: 1, inSync: 1 })) },
      [topics.commands.name]: { partitions: [{ id: 0, leader: -1, replicas: 3, inSync: 2 }] },
      [topics.brakes.name]: { config: config('max.message.bytes', '1000') },
    }
    const found = others.map((topic) => factsOf(topic, changes[topic.name]))
    expect(await complaints({ inspect: () => inspectorOf({ topics: async () => found }) })).toEqual([
      'fail topics: llm.exchanges.v1 has message.timestamp.type CreateTime, not LogAppendTime',
      'warn topics: llm.evidence.v1 has retention.ms 1000, not 7776000000',
      'warn topics: rollout.commands.v1 has 1 partition, fewer than 3',
      'fail topics: rollout.commands.v1 has 1 partition without a leader',
      'warn topics: rollout.commands.v1 has 1 partition with replicas out of sync',
      'fail topics: rollout.runs.v1 is missing',
      'fail topics: control.splits.v1 has 2 partitions and must have 1',
      'fail topics: control.brakes.v1 takes batches of 1000 bytes, and producers send 1000000',
    ])
  })

  it('compares the store with the migrations of this version, and minds what its account may do', async () => {
    const [first, ...rest] = migrationDigests(migrations)
    const rows = [...rest.slice(1), ['9999_from_the_future_v1.sql', 'x'], [first?.[0], 'other']]
    const said = await complaints({
      store: storeOf((sql) => {
        if (sql.includes('GRANTS')) return [{ GRANTS: 'GRANT SELECT, INSERT ON penstock.* TO writer' }]
        return sql.includes('penstock_migrations') ? rows.map(([name, digest]) => ({ name, digest })) : null
      }),
    })
    expect(said).toEqual([
      'fail store: 1 migration not applied: 0002_create_evidence_v1.sql',
      'fail store: applied in another form: 0001_create_legs_v1.sql',
      'warn store: the store is newer than this API: 9999_from_the_future_v1.sql',
      'warn store: the reader may change the store: GRANT SELECT, INSERT ON penstock.* TO writer',
    ])
  })

  it('measures clocks, each against its own', async () => {
    const sign = (sentAtMs: number, appendedAtMs: number) => ({
      sentAtMs,
      appendedAtMs,
      heardAtMs: nowMs,
      heardMonoMs: 100_000,
    })
    const signs: Signs = {
      sinceMonoMs: 0,
      beats: () => [
        { beat: { gate: 'g', armed: [], frontier: 0, sent_at: 0 }, sign: sign(nowMs - 5_010, nowMs - 5_000) },
      ],
      acks: () => [
        {
          ack: {
            router: 'r',
            route: 'chat',
            epoch: 1,
            brakes: [],
            lease: 'live',
            outcome: 'applied',
            code: null,
            observed_candidate_share: null,
            applied_at: 0,
            sent_at: 0,
          },
          sign: sign(nowMs, nowMs - 5_000),
        },
      ],
    }
    const model = { runs: () => [], kills: () => [], acks: () => [], split: () => null } as never
    const store = storeOf((sql) => (sql.includes('now64') ? [{ ms: nowMs + 60_000 }] : null))
    expect(await complaints({ control: () => ({ model, signs }), store })).toEqual([
      'warn clocks: the clock of broker is 5.0 s behind that of the API',
      'warn clocks: the clock of gate g is 5.0 s behind that of the API',
      'warn clocks: the clock of store is 60 s ahead of that of the API',
    ])
  })
})

describe('groups', () => {
  const group = (id: string, members = 1) => ({ id, state: members === 0 ? 'Empty' : 'Stable', members })
  const all = [
    ...Object.values<Service>(services).map(({ name }) => group(`${name}-reader-1`)),
    group('shadow'),
    group('pairing'),
    group('sink-exchanges'),
    group('sink-evidence'),
    group('rollout-controller'),
  ]
  const existing = [topics.exchanges.name, topics.decisions.name]
  const look = async (groups: typeof all, change: Partial<BrokerInspector>) => {
    const inspector = inspectorOf(change)
    const checks = await lookAtGroups({ inspector, brokers: '', nowMs, withinMs: 50 }, groups, existing)
    return checks.filter(({ state }) => state !== 'ok').map(({ state, part, what }) => `${state} ${part}: ${what}`)
  }
  const only = (id: string, topic: string, offset: number): Partial<BrokerInspector> => ({
    committed: async (asked) => (asked === id ? [{ topic, partition: 0, offset }] : []),
  })
  const bounds = (bound: object): Partial<BrokerInspector> => ({
    bounds: async () => [{ partition: 0, low: 0, high: 10, since: 0, ...bound }],
  })

  it('whose members are gone are services that are down', async () => {
    expect(
      await look(
        all.map((one) => (one.id.startsWith('pairing') ? group(one.id, 0) : one)),
        {},
      ),
    ).toEqual([
      'fail services: pairing reads nothing: no member of its groups is known to the broker',
      'fail lag: group pairing stands still: it has no member',
    ])
  })

  it.each([
    [
      8,
      topics.exchanges.name,
      { since: 9 },
      'fail lag: group shadow on llm.exchanges.v1 is more than 30 min behind, by 2 records',
    ],
    [
      3,
      topics.exchanges.name,
      { low: 5 },
      'fail lag: group shadow on llm.exchanges.v1 has missed what retention removed from 1 partition',
    ],
    // The end of a transaction is no record.
    [9, topics.decisions.name, { since: 10 }, undefined],
    [8, topics.exchanges.name, { since: 8 }, undefined],
  ])('that have committed %d on %s with %j: %s', async (offset, topic, bound, said) => {
    expect(await look(all, { ...only('shadow', topic, offset), ...bounds(bound) })).toEqual(
      said === undefined ? [] : [said],
    )
  })
})
