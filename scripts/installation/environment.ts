import type { StackAddresses } from '../../infra/native/state.ts'

/** What the services of one installation are told. */
export interface InstallationSettings {
  /** Put before topics and groups; empty for an installation that has its servers for itself. */
  readonly topicPrefix: string
  readonly database: string
  readonly stateDir: string
  readonly providersFile: string
  readonly tokensFile: string
  readonly hashKey: string
  readonly gatewayId: string
  readonly gateId: string
  readonly gatewayPort: number
  readonly apiPort: number
  readonly adminPort: number
}

/** The environment variables that let every service find its servers. */
export function environmentOf(
  stack: Pick<StackAddresses, 'kafka' | 'registry' | 'redis' | 'clickhouse'>,
  settings: InstallationSettings,
): Record<string, string> {
  const { writer, reader } = stack.clickhouse.users
  return {
    PENSTOCK_KAFKA_BROKERS: stack.kafka.brokers,
    PENSTOCK_TOPIC_PREFIX: settings.topicPrefix,
    PENSTOCK_REGISTRY_URL: stack.registry.url,
    PENSTOCK_REDIS_URL: stack.redis.url,
    PENSTOCK_CLICKHOUSE_URL: stack.clickhouse.url,
    PENSTOCK_CLICKHOUSE_DATABASE: settings.database,
    PENSTOCK_CLICKHOUSE_WRITER: writer.user,
    PENSTOCK_CLICKHOUSE_WRITER_PASSWORD: writer.password,
    PENSTOCK_CLICKHOUSE_READER: reader.user,
    PENSTOCK_CLICKHOUSE_READER_PASSWORD: reader.password,
    PENSTOCK_STATE_DIR: settings.stateDir,
    PENSTOCK_PROVIDERS_FILE: settings.providersFile,
    PENSTOCK_API_TOKENS_FILE: settings.tokensFile,
    PENSTOCK_HASH_KEY: settings.hashKey,
    PENSTOCK_GATEWAY_ID: settings.gatewayId,
    PENSTOCK_GATEWAY_PORT: String(settings.gatewayPort),
    PENSTOCK_API_PORT: String(settings.apiPort),
    PENSTOCK_ADMIN_PORT: String(settings.adminPort),
    PENSTOCK_GATE_ID: settings.gateId,
  }
}
