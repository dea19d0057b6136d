import { join } from 'node:path'
import { formatProgress } from '../../../infra/native/progress.ts'
import { type Stack, startStack } from '../../../infra/native/stack.ts'
import { subjectPrefix } from '../../../scripts/deploy-installation.ts'
import type { Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { createKafkajsTransport } from '../../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer, Transport } from '../../../services/platform/kafka/transport.ts'
import type { ProjectingCodec } from '../../../services/platform/registry/codec.ts'
import { openCodec } from '../../../services/platform/registry/open-codec.ts'
import {
  type ServiceInstallationOptions,
  startServiceInstallation,
  type TestInstallation,
} from '../../support/service-installation.ts'
import { silentLog } from '../../support/silent-log.ts'
import { type ControlLog, openControlLog } from './control-log.ts'

/** A whole Penstock, one process a service, on native servers, with eyes on its control topics. */
export interface OpenPenstock {
  readonly stack: Stack
  readonly penstock: TestInstallation
  readonly log: ControlLog
  readonly transport: Transport
  readonly producer: Producer
  readonly codec: ProjectingCodec<Records>
}

/** Told to who watches. */
export const noted = (text: string) => void process.stderr.write(`${text}\n`)

/** What has been opened, to be closed in reverse; a failure to close is noted and stops nothing. */
export class Closers {
  readonly #closers: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#closers.push(close)
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse())
      await Promise.resolve()
        .then(close)
        .catch((error: unknown) => noted(String(error)))
  }
}

/** @param options asked for when the servers have a folder */
export async function openPenstock(
  closers: Closers,
  options: (stackDir: string) => ServiceInstallationOptions,
): Promise<OpenPenstock> {
  const stack = await startStack({ ephemeral: true, onProgress: (event) => noted(formatProgress(event)) })
  closers.add(() => stack.stop())
  noted('starting the services')
  const penstock = await startServiceInstallation(stack, options(stack.dir))
  closers.add(() => penstock.stop())
  const transport = createKafkajsTransport({ clientId: 'bench', ...penstock.broker, log: silentLog })
  closers.add(() => transport.close())
  const stateDir = join(penstock.dir, 'state', 'bench')
  const codec = await openCodec<Records>({ registryUrl: penstock.registryUrl, stateDir, subjectPrefix, schemaTexts })
  const producer = await transport.producer()
  closers.add(() => producer.close())
  const log = await openControlLog(transport, codec)
  closers.add(() => log.stop())
  return { stack, penstock, transport, codec, producer, log }
}
