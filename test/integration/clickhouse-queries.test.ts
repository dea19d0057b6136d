import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Ack, Decision, Evidence, Request, Response } from '../../services/domain/events/records.ts'
import { type ClickHouseStore, openClickHouse } from '../../services/platform/clickhouse/clickhouse-store.ts'
import { runMigrations } from '../../services/platform/clickhouse/migrations.ts'
import { createRowBinaryWriter, type RowBinaryWriter } from '../../services/platform/clickhouse/row-binary.ts'
import {
  columns,
  type Table,
  writeAck,
  writeDecision,
  writeEvidence,
  writeRequest,
  writeResponse,
} from '../../services/sink/rows.ts'
import type { TestStack } from '../support/stack.ts'
import { ack, decision, evidence, request, response, startMs } from './clickhouse-rows.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'schemas/clickhouse')
const database = 'penstock_queries_test'
const { url, users } = (inject('stack') as TestStack).clickhouse
let store: ClickHouseStore

const plain = (text: string) => ({ text, counts: {} })

async function load(table: Table, write: (writer: RowBinaryWriter) => void, token = table): Promise<void> {
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
  const writeLeg = (writer: RowBinaryWriter, leg: Request | Response, offsetMs: number) =>
    'body' in leg
      ? writeRequest(writer, leg, startMs + offsetMs, plain)
      : writeResponse(writer, leg, startMs + offsetMs, plain)
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
    for (const row of all.evidence) writeEvidence(writer, row)
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

const span = { from: new Date(startMs - 3_600_000), to: new Date(startMs + 3_600_000) }
const parameters: Readonly<Record<string, Record<string, unknown>>> = {
  pairs_of_run: { ...span, run: 'run-1', worse: '', limit: 10 },
  segment_rates_of_run: { ...span, run: 'run-1' },
  rollbacks: span,
}

describe('queries', () => {
  const names = readdirSync(join(folder, 'queries')).filter((name) => name.endsWith('.sql'))

  it.each(names)('%s gives what its golden file says', async (name) => {
    const query = basename(name, '.sql')
    const rows = await store.query(readFileSync(join(folder, 'queries', name), 'utf8'), parameters[query])
    await expect(`${JSON.stringify(rows, null, 2)}\n`).toMatchFileSnapshot(`golden/${query}.json`)
  })

  it.each(names)('%s is bounded by time', (name) => {
    expect(readFileSync(join(folder, 'queries', name), 'utf8')).toMatch(/\{from:DateTime64[\s\S]*\{to:DateTime64/)
  })
})

describe('tables', () => {
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
    const before = [{ n: 10 }]
    expect(await store.query('SELECT count() AS n FROM legs')).toEqual(before)
    await load('legs', (writer) => writeRequest(writer, request('again', 'baseline'), startMs, plain), 'legs')
    expect(await store.query('SELECT count() AS n FROM legs')).toEqual(before)
  })

  it('are migrated once', async () => {
    expect((await runMigrations(store, folder)).applied).toEqual([])
  })
})
