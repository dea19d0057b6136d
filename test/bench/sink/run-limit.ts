import { setTimeout as delay } from 'node:timers/promises'
import type { Stack } from '../../../infra/native/stack.ts'
import { openClickHouse } from '../../../services/platform/clickhouse/clickhouse-store.ts'
import { columns } from '../../../services/sink/rows.ts'
import { type Course, measure, measuredShare, type Run } from './course.ts'
import type { Prebuilt } from './prebuilt.ts'

const pollMs = 50

/** The store's own limit: the sink's inserts, made beforehand, one after the other in each of as many lanes as there are partitions. */
export async function runLimit(stack: Stack, course: Course, prebuilt: Prebuilt): Promise<Run> {
  const total = prebuilt.flat().reduce((sum, { rows }) => sum + rows, 0)
  const store = openClickHouse({ url: course.url, ...course.writer, database: course.database })
  const measured = await measure(stack, process.pid)
  const lanes = Promise.all(
    prebuilt.map(async (batches, lane) => {
      for (const [index, { bytes }] of batches.entries())
        await store.insertRowBinary('legs', columns.legs, bytes, { deduplicationToken: `${lane}-${index}` })
    }),
  )
  try {
    let rows = 0
    while (rows < total * measuredShare) {
      await Promise.race([delay(pollMs), lanes.then(() => delay(1))])
      rows = await course.rows()
    }
    const run = measured(rows)
    await lanes
    return run
  } finally {
    await lanes.catch(() => undefined)
    await store.stop()
  }
}
