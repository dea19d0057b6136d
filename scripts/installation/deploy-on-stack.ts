import { fileURLToPath } from 'node:url'
import type { StackAddresses } from '../../infra/native/state.ts'
import { type BrokerSecurity, unsecured } from '../../services/platform/kafka/broker-security.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { createPinoLogger } from '../../services/platform/log/pino-logger.ts'
import { type Deployed, deploy } from '../deploy-installation.ts'

/** The deploy step on a native stack. Idempotent. */
export async function deployOnStack(
  stack: Pick<StackAddresses, 'kafka' | 'registry' | 'clickhouse'>,
  topicPrefix: string,
  database: string,
  security: BrokerSecurity = unsecured,
): Promise<Deployed> {
  const log = createPinoLogger({ name: 'deploy', level: 'error' })
  const { brokers } = stack.kafka
  const transport = createKafkajsTransport({ clientId: 'deploy', brokers, security, topicPrefix, log })
  try {
    return await deploy({
      transport,
      registryUrl: stack.registry.url,
      clickhouse: { url: stack.clickhouse.url, ...stack.clickhouse.users.admin, database },
      migrations: fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url)),
    })
  } finally {
    await transport.close()
  }
}
