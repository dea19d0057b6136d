import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inheritedEnvironment } from '../../../infra/native/config.ts'
import type { Stack } from '../../../infra/native/stack.ts'
import type { CutPolicy } from '../../../services/sink/batch-cutter.ts'
import type { ExchangeLog } from '../support/exchange-log.ts'
import { endProcess, timeProcess } from '../support/timed-process.ts'
import { type Course, measure, measuredShare, type Run } from './course.ts'

export interface SinkOptions {
  readonly redaction: 'on' | 'off'
  readonly policy: CutPolicy
  readonly hashKey: string
  /** Flags for its Node, e.g. `--cpu-prof`. */
  readonly nodeFlags: readonly string[]
}

const root = fileURLToPath(new URL('../../../', import.meta.url))
const mains = { on: 'services/sink/main.ts', off: 'test/bench/sink/without-redaction.ts' } as const

/**
 * The sink as a process of its own, from when it has its partitions. @throws when it ends early, or a row is missing or double at the end
 */
export async function runSink(
  stack: Stack,
  course: Course,
  log: ExchangeLog,
  expected: number,
  options: SinkOptions,
): Promise<Run> {
  const name = `sink, redaction ${options.redaction}`
  const group = `${log.prefix}sink-exchanges`
  const logPath = join(log.stateDir, 'sink.log')
  const output = openSync(logPath, 'w')
  const child = spawn(process.execPath, [...options.nodeFlags, join(root, mains[options.redaction])], {
    cwd: root,
    env: { ...inheritedEnvironment(), ...environmentOf(log, course, options) },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const timed = timeProcess(name, child, logPath)
  try {
    await timed.untilJoined(log.admin, group)
    const measured = await measure(stack, child.pid ?? 0)
    let rows = 0
    const holds = async (share: number) => {
      rows = await course.rows()
      return rows >= expected * share
    }
    await timed.until('its rows', () => holds(measuredShare))
    const run = measured(rows)
    await timed.until('its last row', () => holds(1))
    if (rows !== expected) throw new Error(`${name}: ${rows} rows of ${expected} records`)
    return run
  } finally {
    await endProcess(child)
    // The next run begins anew.
    await log.admin.deleteGroups([group])
  }
}

function environmentOf(log: ExchangeLog, { url, writer, database }: Course, { policy, hashKey }: SinkOptions) {
  return {
    PENSTOCK_KAFKA_BROKERS: log.brokers,
    PENSTOCK_TOPIC_PREFIX: log.prefix,
    PENSTOCK_REGISTRY_URL: log.registryUrl,
    PENSTOCK_STATE_DIR: log.stateDir,
    PENSTOCK_LOG_LEVEL: 'warn',
    PENSTOCK_CLICKHOUSE_URL: url,
    PENSTOCK_CLICKHOUSE_WRITER: writer.user,
    PENSTOCK_CLICKHOUSE_WRITER_PASSWORD: writer.password,
    PENSTOCK_CLICKHOUSE_DATABASE: database,
    PENSTOCK_HASH_KEY: hashKey,
    PENSTOCK_SINK_LANES: 'exchanges',
    PENSTOCK_SINK_RECORDS_MAX: String(policy.recordsMax),
    PENSTOCK_SINK_BYTES_MAX: String(policy.bytesMax),
    PENSTOCK_SINK_WAIT_MAX_MS: String(policy.waitMaxMs),
  }
}
