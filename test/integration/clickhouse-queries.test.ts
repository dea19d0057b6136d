import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEvidenceReader } from '../../services/api/evidence-reader.ts'
import type { Ack, Decision, Evidence, Request, Response } from '../../services/domain/events/records.ts'
import { readTraffic } from '../../services/domain/planning/traffic-csv.ts'
import { type ClickHouseStore, openClickHouse } from '../../services/platform/clickhouse/clickhouse-store.ts'
import { runMigrations } from '../../services/platform/clickhouse/migrations.ts'
import { createRowBinaryWriter, type RowBinaryWriter } from '../../services/platform/clickhouse/row-binary.ts'
import {
  columns,
  type Table,
  whereAbsent,
  writeAck,
  writeDecision,
  writeEvidence,
  writeRequest,
  writeResponse,
} from '../../services/sink/rows.ts'
import { testServers } from '../support/stack.ts'
import { ack, decision, evidence, request, response, startMs } from './clickhouse-rows.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'schemas/clickhouse')
const database = 'penstock_queries_test'
const { url, users } = testServers().clickhouse
let store: ClickHouseStore

const evidenceAt = (offset: number) => ({ partition: 0, offset, timestampMs: startMs })
const plain = (text: string) => ({ text, counts: {} })

async function load(table: Table, write: (writer: RowBinaryWriter) => void, token: string = table): Promise<void> {
  const writer = createRowBinaryWriter()
  write(writer)
  await store.insertRowBinary(table, columns[table], writer.bytes(), { deduplicationToken: token })
}

beforeAll(async () => {
  const outside = openClickHouse({ url, ...users.admin, database: 'default' })
  await outside.command(`DROP DATABASE IF EXISTS ${database}`)
  await outside.command(`CREATE DATABASE ${database}`)
  await outside.stop()
  store = openClickHouse({ url, ...users.admin, database })
  await runMigrations(store, folder)
  const writeLeg = (writer: RowBinaryWriter, leg: Request | Response, index: number) =>
    'body' in leg
      ? writeRequest(writer, leg, { partition: 0, offset: index, timestampMs: startMs + index }, plain)
      : writeResponse(writer, leg, { partition: 0, offset: index, timestampMs: startMs + index }, plain)
  const all: { legs: (Request | Response)[]; evidence: Evidence[]; decisions: Decision[]; acks: Ack[] } = {
    legs: [
      request('a', 'baseline'),
      response('a', 'baseline', 'live', 'yes'),
      response('a', 'baseline', 'shadow', 'second baseline'),
      response('a', 'candidate', 'shadow', 'no'),
      // A repetition by the producer: the first counts.
      response('a', 'candidate', 'shadow', 'said again'),
      request('b', 'candidate'),
      response('b', 'baseline', 'shadow', 'shadow of the baseline'),
      response('b', 'candidate', 'live', 'live candidate'),
      request('c', 'baseline'),
      response('c', 'baseline', 'live', 'alone'),
    ],
    evidence: [
      evidence('a', { metrics: [{ name: 'refusal', baseline: 0, candidate: 0 }], version: 0 }),
      evidence('a', { metrics: [{ name: 'refusal', baseline: 0, candidate: 1 }], version: 1 }),
      evidence('a', {
        metrics: [{ name: 'fast_refusal', baseline: 0, candidate: 1 }],
        horizon_ms: 5_000,
        id: 'a-fast',
      }),
      evidence('b', { metrics: [{ name: 'refusal', baseline: 1, candidate: 0 }], segments: { tier: 'free' } }),
      evidence('c', {
        metrics: [{ name: 'refusal', baseline: 0, candidate: null }],
        candidate_resolution: 'timed_out',
      }),
      evidence('late', { metrics: [{ name: 'refusal', baseline: 1, candidate: 1 }], late: true }),
      evidence('nan', {
        metrics: [{ name: 'refusal', baseline: Number.NaN, candidate: 0 }],
        comparison: 'live_ab',
        arm: 'candidate',
      }),
    ],
    decisions: [decision],
    acks: [
      ack('r1', 40, ['latch-1']),
      ack('r1', 90, ['latch-1']),
      ack('r2', 60, ['latch-1']),
      ack('r2', -50, ['older']),
    ],
  }
  await load('legs', (writer) => {
    for (const [index, leg] of all.legs.entries()) writeLeg(writer, leg, index)
  })
  await load('evidence', (writer) => {
    for (const [offset, row] of all.evidence.entries()) writeEvidence(writer, row, evidenceAt(offset))
  })
  await load('decisions', (writer) => {
    for (const row of all.decisions) writeDecision(writer, row)
  })
  await load('acks', (writer) => {
    for (const row of all.acks) writeAck(writer, row)
  })
})

afterAll(async () => {
  await store?.command(`DROP DATABASE IF EXISTS ${database}`)
  await store?.stop()
})

const span = { since: new Date(startMs - 3_600_000), until: new Date(startMs + 3_600_000) }
const parameters: Readonly<Record<string, Record<string, unknown>>> = {
  pairs_of_run: { ...span, run: 'run-1', worse: '', limit: 10 },
  segment_rates_of_run: { ...span, run: 'run-1' },
  rollbacks: span,
  written_once: span,
  traffic_week: { route: 'chat', since: new Date(startMs + 3_600_000 - 7 * 86_400_000), until: span.until },
}

describe('queries', () => {
  const names = readdirSync(join(folder, 'queries')).filter((name) => name.endsWith('.sql'))

  it.each(names)('%s gives what its golden file says', async (name) => {
    const query = basename(name, '.sql')
    const rows = await store.query(readFileSync(join(folder, 'queries', name), 'utf8'), parameters[query])
    await expect(`${JSON.stringify(rows, null, 2)}\n`).toMatchFileSnapshot(`golden/${query}.json`)
  })

  it('traffic_week gives what the planner reads', async () => {
    const rows = await store.query<Record<string, number>>(
      readFileSync(join(folder, 'queries/traffic_week.sql'), 'utf8'),
      parameters['traffic_week'],
    )
    const header = Object.keys(rows[0] ?? {})
    const csv = [header, ...rows.map((row) => header.map((name) => row[name]))]
      .map((cells) => cells.join(','))
      .join('\n')
    const read = readTraffic(csv)
    if (read.kind === 'problems') throw new Error(JSON.stringify(read.problems))
    // A Thursday, 12:00: three requests of one unit, each answered with ten tokens in.
    const hour = 3 * 24 + 12
    expect(read.traffic.hourlyRequests[hour]).toBe(3)
    expect(read.traffic.hourlyUnits?.[hour]).toBe(1)
    expect(read.traffic.hourlyRequests.filter((requests) => requests > 0)).toHaveLength(1)
    expect(read.traffic.tokensPerRequest).toEqual({ input: 10, output: 0 })
  })

  it.each(names)('%s is bounded by time', (name) => {
    expect(readFileSync(join(folder, 'queries', name), 'utf8')).toMatch(/\{since:DateTime64[\s\S]*\{until:DateTime64/)
  })
})

describe('views', () => {
  it('take spans as texts and expressions, from the reader, too', async () => {
    const reader = openClickHouse({ url, ...users.reader, database })
    try {
      const bounds = "run = 'run-1', since = '2099-01-01 00:00:00', until = toDateTime('2099-02-01 00:00:00')"
      expect(await reader.query(`SELECT count() AS n FROM pairs(${bounds})`)).toEqual([{ n: 4 }])
      const never = "run = 'run-1', since = now() - INTERVAL 1 DAY, until = now()"
      for (const view of ['pairs', 'segment_rates'])
        expect(await reader.query(`SELECT count() AS n FROM ${view}(${never})`)).toEqual([{ n: 0 }])
      await expect(reader.command('DROP VIEW pairs')).rejects.toThrow(/ACCESS_DENIED|privileges|readonly/i)
    } finally {
      await reader.stop()
    }
  })

  it('the writer may insert and nothing else', async () => {
    const writer = openClickHouse({ url, ...users.writer, database })
    try {
      await expect(writer.query('SELECT count() FROM legs')).rejects.toThrow(/privileges/i)
      await expect(writer.command('TRUNCATE TABLE legs')).rejects.toThrow(/privileges/i)
    } finally {
      await writer.stop()
    }
  })

  it('weigh records by the inverse of their chance to be sampled', async () => {
    const sampled = (id: string, tier: string, inclusion: number, value: number) =>
      evidence(id, {
        place: { ...evidence(id, {}).place, run: 'weighed' },
        segments: { tier },
        inclusion_p: inclusion,
        metrics: [{ name: 'refusal', baseline: 0, candidate: value }],
      })
    // One in ten of the many, each of the few: the few refuse always, the many never.
    const rows = [sampled('w1', 'many', 0.1, 0), sampled('w2', 'few', 1, 1)]
    await load(
      'evidence',
      (writer) => {
        for (const [offset, row] of rows.entries()) writeEvidence(writer, row, evidenceAt(offset))
      },
      'weighed',
    )
    const rates = await store.query<{ segment: string; candidate_mean: number }>(
      "SELECT segment, candidate_mean FROM segment_rates(run = 'weighed', since = '2099-01-01 00:00:00', until = '2099-02-01 00:00:00') WHERE segment = ''",
    )
    expect(rates[0]?.candidate_mean).toBeCloseTo(1 / 11, 10)
  })

  it('first_pairs gives the first of what pairs gives, whatever is asked for', async () => {
    const of = (id: string, change: Partial<Evidence>) =>
      evidence(id, { exchange_id: id, ...change, place: { ...evidence(id, {}).place, run: 'ordered' } })
    const at = (seconds: number) => ({ arrived_at: startMs + seconds * 1_000 })
    const higher = { metrics: [{ name: 'refusal', baseline: 0, candidate: 1 }] }
    const equal = { metrics: [{ name: 'refusal', baseline: 1, candidate: 1 }] }
    const rows = [
      of('o1', { ...at(1), ...equal }),
      of('o1', { ...at(1), id: 'o1-fast', horizon_ms: 5_000 }),
      // Higher at first, and then no more.
      of('o2', { ...at(2), ...higher }),
      of('o2', { ...at(2), ...equal, version: 1 }),
      of('o3', { ...at(3), ...higher }),
      of('o4', { ...at(3), ...higher }),
      of('o5', { ...at(4), ...equal }),
      of('o6', { ...at(5), ...higher }),
    ]
    const writeAll = (writer: RowBinaryWriter) => {
      for (const [offset, row] of rows.entries()) writeEvidence(writer, row, evidenceAt(offset))
    }
    await load('evidence', writeAll, 'ordered')
    const ids = async (from: string) =>
      (await store.query<{ exchange_id: string }>(`SELECT exchange_id FROM ${from}`)).map((row) => row.exchange_id)
    for (const run of ['ordered', 'run-1'])
      for (const worse of ['', 'refusal', 'fast_refusal'])
        for (const most of [0, 2, 10]) {
          const bounds = `run = '${run}', since = '2099-01-01 00:00:00', until = '2099-02-01 00:00:00'`
          const higherOn = worse === '' ? '' : `WHERE candidate_metrics['${worse}'] > baseline_metrics['${worse}']`
          const all = `pairs(${bounds}) ${higherOn} ORDER BY arrived_at, exchange_id LIMIT ${most}`
          const first = `first_pairs(${bounds}, worse = '${worse}', most = ${most}) ORDER BY arrived_at, exchange_id`
          expect(await ids(first)).toEqual(await ids(all))
        }
    const spans = "run = 'ordered', since = '2099-01-15 12:00:02', until = '2099-01-15 12:00:04'"
    expect(await ids(`first_pairs(${spans}, worse = '', most = 2) ORDER BY exchange_id`)).toEqual(['o2', 'o3'])
  })

  it('time a rollback by what came before the run went on, and leave unknown times empty', async () => {
    const place = { ...request('q', 'candidate').place, run: 'run-2' } as Request['place']
    const legs = [0, 50, 5_000].map((ms, index) => ({ ms, leg: { ...request(`q${index}`, 'candidate'), place } }))
    await load(
      'legs',
      (writer) => {
        for (const { ms, leg } of legs)
          writeRequest(writer, leg, { partition: 1, offset: ms, timestampMs: startMs + ms }, plain)
      },
      'run-2-legs',
    )
    const second = { ...decision, run: 'run-2' }
    const decisions: Decision[] = [
      { ...second, id: 'd-1', times: { breached_at: startMs + 20, latch_written_at: startMs + 25 } },
      { ...second, id: 'd-2', from_phase: 'rolled_back', to_phase: 'held', times: {}, at: startMs + 2_000 },
      { ...second, id: 'd-3', run: 'run-3', times: {} },
    ]
    await load(
      'decisions',
      (writer) => {
        for (const row of decisions) writeDecision(writer, row)
      },
      'run-2',
    )
    const rows = await store.query(readFileSync(join(folder, 'queries/rollbacks.sql'), 'utf8'), span)
    expect(rows).toContainEqual(
      expect.objectContaining({
        run: 'run-2',
        latch_ms: 5,
        revert_ms: 30,
        last_candidate_request_at: expect.anything(),
      }),
    )
    expect(rows).toContainEqual(
      expect.objectContaining({ run: 'run-3', latch_ms: null, revert_ms: null, last_candidate_request_at: null }),
    )
  })
})

describe('tables', () => {
  it('give a run back record by record in the order of its log, as it was written', async () => {
    const of = (id: string, change: Partial<Evidence>) =>
      evidence(id, { ...change, place: { ...evidence(id, {}).place, run: 'exported', rule: 'vip' } })
    const rows = [
      of('x1', { turn: 3, metrics: [{ name: 'refusal', baseline: 0, candidate: 1 }] }),
      of('x2', { comparison: 'live_ab', arm: 'candidate', baseline_resolution: null, late: true }),
      of('x3', { metrics: [{ name: 'error', baseline: 0.1, candidate: null }], inclusion_p: 1 / 3 }),
    ]
    await load(
      'evidence',
      (writer) => {
        for (const [index, row] of rows.entries()) writeEvidence(writer, row, evidenceAt(7 + index))
      },
      'exported',
    )
    const reader = createEvidenceReader(store)
    const first = await reader.page('exported', { partition: 0, from: 0, limit: 2 })
    expect(first).toEqual({ evidence: rows.slice(0, 2), next: 9 })
    expect(await reader.page('exported', { partition: 0, from: 9, limit: 2 })).toEqual({
      evidence: rows.slice(2),
      next: null,
    })
    expect(await reader.page('exported', { partition: 1, from: 0, limit: 2 })).toEqual({ evidence: [], next: null })
  })

  it('have the columns that the writers fill', async () => {
    for (const [table, names] of Object.entries(columns)) {
      const rows = await store.query<{ name: string }>(
        'SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String} ORDER BY position',
        { database, table },
      )
      expect(rows.map(({ name }) => name)).toEqual([...names])
    }
  })

  it('take a token once', async () => {
    const before = await store.query('SELECT count() AS n FROM legs')
    expect(await store.query('SELECT count() AS n FROM legs')).toEqual(before)
    await load(
      'legs',
      (writer) =>
        writeRequest(writer, request('again', 'baseline'), { partition: 0, offset: 0, timestampMs: startMs }, plain),
      'legs',
    )
    expect(await store.query('SELECT count() AS n FROM legs')).toEqual(before)
  })

  it('have every column of legs in legs_if_absent, too', async () => {
    const sql = 'SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}'
    const [legs, ifAbsent] = await Promise.all(
      ['legs', 'legs_if_absent'].map((table) => store.query(sql, { database, table })),
    )
    expect(ifAbsent).toEqual(legs)
  })

  it('take legs that are not there, from an account that may not read', async () => {
    const writerStore = openClickHouse({ url, ...users.writer, database })
    const at = (index: number) => ({ partition: 3, offset: 50 + index, timestampMs: startMs + index * 3_600_000 })
    const insert = async (token: string, indices: readonly number[]) => {
      const rows = createRowBinaryWriter()
      for (const index of indices) writeRequest(rows, request(`leg-${index}`, 'baseline'), at(index), plain)
      await writerStore.insertRowBinary(whereAbsent.legs, columns.legs, rows.bytes(), { deduplicationToken: token })
    }
    const sql = 'SELECT log_offset - 50 AS i, count() AS n FROM legs WHERE log_partition = 3 GROUP BY i ORDER BY i'
    const there = async () => (await store.query<{ i: number; n: number }>(sql)).map(({ i, n }) => [i, n])
    await insert('some', [1, 4])
    // Also over midnight, where one insert is two parts.
    await insert('all', [0, 1, 2, 3, 4, 23, 24, 25])
    await insert('others', [2, 3, 47, 48])
    await insert('none', [1, 2, 3, 24])
    expect(await there()).toEqual([0, 1, 2, 3, 4, 23, 24, 25, 47, 48].map((index) => [index, 1]))
    await store.command(
      'ALTER TABLE legs DELETE WHERE log_partition = 3 AND log_offset IN (52, 74) SETTINGS mutations_sync = 1',
    )
    await insert('all', [0, 1, 2, 3, 4, 23, 24, 25])
    expect(await there()).toHaveLength(8)
    await insert('all again', [0, 1, 2, 3, 4, 23, 24, 25])
    expect(await there()).toEqual([0, 1, 2, 3, 4, 23, 24, 25, 47, 48].map((index) => [index, 1]))
    await expect(writerStore.query('SELECT log_offset FROM legs LIMIT 1')).rejects.toThrow('Not enough privileges')
    await writerStore.stop()
    await store.command('ALTER TABLE legs DELETE WHERE log_partition = 3 SETTINGS mutations_sync = 1')
  })

  it('are migrated once', async () => {
    expect((await runMigrations(store, folder)).applied).toEqual([])
  })
})
