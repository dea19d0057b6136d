import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { inheritedEnvironment } from '../infra/native/config.ts'
import { commonSettings, loadConfig, setting } from '../services/platform/config/load-config.ts'
import { createKafkajsTransport } from '../services/platform/kafka/kafkajs-transport.ts'
import { createPinoLogger } from '../services/platform/log/pino-logger.ts'
import { deploy } from './deploy-installation.ts'

const settings = {
  brokers: commonSettings.brokers,
  security: commonSettings.security,
  topicPrefix: commonSettings.topicPrefix,
  registryUrl: commonSettings.registryUrl,
  clickhouseUrl: setting('PENSTOCK_CLICKHOUSE_URL', 'the store; empty: leave it alone', z.string().default('')),
  clickhouseUser: setting('PENSTOCK_CLICKHOUSE_ADMIN', 'account that may change tables', z.string().default('admin')),
  clickhousePassword: setting('PENSTOCK_CLICKHOUSE_ADMIN_PASSWORD', 'its password', z.string().default('')),
  clickhouseDatabase: setting('PENSTOCK_CLICKHOUSE_DATABASE', 'database', z.string().default('penstock')),
} as const

const config = loadConfig('deploy', settings, inheritedEnvironment(), process.argv.slice(2))
const log = createPinoLogger({ name: 'deploy', level: 'error', toStderr: true })
const { brokers, security, topicPrefix } = config
const transport = createKafkajsTransport({ clientId: 'deploy', brokers, security, topicPrefix, log })
try {
  const done = await deploy({
    transport,
    registryUrl: config.registryUrl,
    clickhouse:
      config.clickhouseUrl === ''
        ? null
        : {
            url: config.clickhouseUrl,
            user: config.clickhouseUser,
            password: config.clickhousePassword,
            database: config.clickhouseDatabase,
          },
    migrations: join(fileURLToPath(new URL('..', import.meta.url)), 'schemas/clickhouse'),
  })
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(done)}\n`)
  else {
    process.stdout.write(`topics      ${done.topics.created.length} created, ${done.topics.differing.length} differ\n`)
    for (const topic of done.topics.differing)
      process.stdout.write(`            ${topic} has other partitions or settings than flow.ts says\n`)
    process.stdout.write(`schemas     ${Object.keys(done.schemas).length} registered\n`)
    process.stdout.write(
      `migrations  ${done.migrations.applied.length} applied, ${done.migrations.present.length} present\n`,
    )
  }
} catch (error) {
  process.stderr.write(`deploy: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await transport.close()
}
