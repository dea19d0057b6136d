import { join } from 'node:path'
import { freePort } from '../../../infra/native/ports.ts'
import type { Stack } from '../../../infra/native/stack.ts'
import { awaitAnswer } from '../../../scripts/installation/service-process.ts'
import { topics } from '../../../services/flow.ts'
import { startMarkedService } from '../../support/marked-service.ts'
import { usageOf } from '../support/process-usage.ts'
import { readMetrics } from '../support/prometheus.ts'

/** How pairing stands, as it says itself; memory in MiB. */
export interface OpenPairs {
  readonly open: number
  readonly limit: number
  /** Records that are there and not handled; null while it has not heard of every partition. */
  readonly unread: number | null
  readonly outcomes: Readonly<Record<string, number>>
  readonly residentMiB: number
  readonly peakMiB: number
  readonly heapMiB: number
}

/** The pairing service in a process of its own. */
export interface PairingProcess {
  /** Seconds since it was started. */
  ageS(): number
  /** Throws when it has ended. */
  look(): Promise<OpenPairs>
  kill(): Promise<void>
}

const lag = 'penstock_kafka_lag_records'
const of = { topic: topics.exchanges.name }

/** Resolves when it answers; it need not have read anything by then. */
export async function startPairingProcess(
  stack: Stack,
  options: { readonly prefix: string; readonly stateDir: string; readonly openMax: number | null },
): Promise<PairingProcess> {
  const adminPort = await freePort()
  const logPath = join(options.stateDir, 'pairing.log')
  const beganMs = performance.now()
  const serving = startMarkedService(stack.dir, {
    service: 'pairing',
    logPath,
    environment: {
      PENSTOCK_KAFKA_BROKERS: stack.kafka.brokers,
      PENSTOCK_TOPIC_PREFIX: options.prefix,
      PENSTOCK_REGISTRY_URL: stack.registry.url,
      PENSTOCK_STATE_DIR: options.stateDir,
      PENSTOCK_ADMIN_PORT: String(adminPort),
      ...(options.openMax === null ? {} : { PENSTOCK_PAIRING_OPEN_MAX: String(options.openMax) }),
    },
  })
  const url = `http://127.0.0.1:${adminPort}`
  await awaitAnswer(serving, `${url}/livez`, { withinMs: 60_000, logPath })
  return {
    ageS: () => (performance.now() - beganMs) / 1_000,
    async look() {
      if (!serving.running) throw new Error(`pairing ended with code ${await serving.ended}`)
      const page = readMetrics(await (await fetch(`${url}/metrics`)).text())
      const { residentMiB, peakMiB } = usageOf(serving.pid)
      return {
        open: page.sum('penstock_pairing_open_exchanges'),
        limit: page.sum('penstock_pairing_open_limit'),
        unread: page.count(lag, of) < topics.exchanges.partitions ? null : page.sum(lag, of),
        outcomes: page.by('penstock_pairing_exchanges', ['outcome']),
        residentMiB,
        peakMiB,
        heapMiB: page.sum('penstock_memory_bytes', { of: 'heap' }) / 2 ** 20,
      }
    },
    kill: () => serving.kill(),
  }
}
