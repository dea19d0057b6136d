import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admin } from 'kafkajs'
import type { Stack } from '../../../infra/native/stack.ts'
import { deploy, subjectPrefix } from '../../../scripts/deploy-installation.ts'
import type { Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { topics } from '../../../services/flow.ts'
import { createKafkajsClient } from '../../../services/platform/kafka/kafkajs-client.ts'
import { createKafkajsTransport } from '../../../services/platform/kafka/kafkajs-transport.ts'
import type { Transport } from '../../../services/platform/kafka/transport.ts'
import type { Codec } from '../../../services/platform/registry/codec.ts'
import { openCodec } from '../../../services/platform/registry/open-codec.ts'
import { silentLog } from '../../support/silent-log.ts'
import { benchRun, type Size } from '../pairing/exchanges.ts'
import { preload } from '../pairing/preload.ts'

/** Topics of their own on a stack's broker, with exchanges in them. */
export interface ExchangeLog {
  readonly prefix: string
  readonly brokers: string
  readonly registryUrl: string
  readonly admin: Admin
  readonly transport: Transport
  readonly codec: Codec<Records>
  readonly requestSchemaId: number
  /** Removed at the end. */
  readonly stateDir: string
}

/** Makes topics whose names begin with `prefix`, writes the exchanges, and removes the exchanges again when `use` is done: the next size finds the disk as this one did. */
export async function withExchangeLog<T>(
  stack: Stack,
  of: { readonly prefix: string; readonly size: Size; readonly pairs: number },
  use: (log: ExchangeLog) => Promise<T>,
): Promise<T> {
  const { prefix } = of
  const { brokers } = stack.kafka
  const registryUrl = stack.registry.url
  const stateDir = mkdtempSync(join(tmpdir(), 'penstock-bench-'))
  const transport = createKafkajsTransport({ clientId: 'bench', brokers, topicPrefix: prefix, log: silentLog })
  const kafka = createKafkajsClient({ clientId: 'bench-preload', brokers, log: silentLog })
  const admin = kafka.admin()
  await admin.connect()
  try {
    const { schemas } = await deploy({ transport, registryUrl, clickhouse: null, migrations: '' })
    const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix, schemaTexts })
    // The records' own times stand for hours of traffic that are written in seconds.
    const configEntries = [{ name: 'message.timestamp.type', value: 'CreateTime' }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: prefix + topics.exchanges.name, configEntries }],
    })
    const close = await preload(kafka, codec, { ...of, run: benchRun() })
    await close()
    const requestSchemaId = schemas['Request'] ?? 0
    const result = await use({ prefix, brokers, registryUrl, admin, transport, codec, requestSchemaId, stateDir })
    await admin.deleteTopics({ topics: [prefix + topics.exchanges.name] })
    return result
  } finally {
    await admin.disconnect()
    await transport.close()
    rmSync(stateDir, { recursive: true, force: true })
  }
}
