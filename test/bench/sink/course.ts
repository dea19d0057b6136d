import { fileURLToPath } from 'node:url'
import type { Stack } from '../../../infra/native/stack.ts'
import { type ClickHouseStore, openClickHouse } from '../../../services/platform/clickhouse/clickhouse-store.ts'
import { runMigrations } from '../../../services/platform/clickhouse/migrations.ts'
import { usageOf } from '../support/process-usage.ts'

/** What one contender did: everything from its beginning until nine tenths of all rows were in the table. */
export interface Run {
  readonly rows: number
  readonly seconds: number
  /** Of the process that inserts. */
  readonly cpuSeconds: number
  readonly storeCpuSeconds: number
  readonly brokerCpuSeconds: number
  readonly peakMiB: number
}

export type Account = Stack['clickhouse']['users']['admin']

/** An empty store of its own for one run. */
export interface Course {
  readonly database: string
  readonly url: string
  readonly writer: Account
  /** As admin. */
  readonly store: ClickHouseStore
  rows(): Promise<number>
}

/** What comes last waits for an insert to fill, which says nothing about speed. */
export const measuredShare = 0.9
const migrations = fileURLToPath(new URL('../../../schemas/clickhouse', import.meta.url))
let courses = 0

/** Makes an empty database with the tables as they are shipped, and drops it when `use` is done. */
export async function onEmptyStore<T>(stack: Stack, use: (course: Course) => Promise<T>): Promise<T> {
  const { url, users } = stack.clickhouse
  courses += 1
  const database = `penstock_bench_${courses}`
  const outside = openClickHouse({ url, ...users.admin, database: 'default' })
  await outside.command(`CREATE DATABASE ${database}`)
  const store = openClickHouse({ url, ...users.admin, database })
  try {
    await runMigrations(store, migrations)
    const rows = async () => Number((await store.query<{ n: number }>('SELECT count() AS n FROM legs'))[0]?.n)
    return await use({ database, url, writer: users.writer, store, rows })
  } finally {
    await store.stop()
    await outside.command(`DROP DATABASE ${database} SYNC`).finally(() => outside.stop())
  }
}

/** Begins to measure: what it returns says what has been used since. */
export async function measure(stack: Stack, pid: number): Promise<(rows: number) => Run> {
  const { clickhouse, kafka } = await stack.status()
  const now = () => ({ own: usageOf(pid), store: usageOf(clickhouse.pid ?? 0), broker: usageOf(kafka.pid ?? 0) })
  const before = now()
  const begunMs = performance.now()
  return (rows) => {
    const seconds = (performance.now() - begunMs) / 1_000
    const after = now()
    return {
      rows,
      seconds,
      cpuSeconds: after.own.cpuSeconds - before.own.cpuSeconds,
      storeCpuSeconds: after.store.cpuSeconds - before.store.cpuSeconds,
      brokerCpuSeconds: after.broker.cpuSeconds - before.broker.cpuSeconds,
      peakMiB: after.own.peakMiB,
    }
  }
}
