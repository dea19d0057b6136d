import { z } from 'zod'
import { brokerSecurityFile } from '../kafka/broker-security.ts'
import { ConfigError } from './config-error.ts'

/** One setting: its environment variable, what it means, and its zod type. */
export interface Setting<T> {
  readonly env: string
  readonly help: string
  readonly type: z.ZodType<T>
}

export type Settings = Readonly<Record<string, Setting<unknown>>>

export type ConfigOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

export function setting<T>(env: string, help: string, type: z.ZodType<T>): Setting<T> {
  return { env, help, type }
}

/** Settings every service has. */
export const commonSettings = {
  brokers: setting('PENSTOCK_KAFKA_BROKERS', 'Kafka brokers, host:port, comma separated', z.string().min(1)),
  security: setting(
    'PENSTOCK_KAFKA_SECURITY_FILE',
    'YAML file with tls and sasl for Kafka; empty: in clear, as nobody',
    brokerSecurityFile,
  ),
  topicPrefix: setting('PENSTOCK_TOPIC_PREFIX', 'put before every topic and group name', z.string().default('')),
  registryUrl: setting('PENSTOCK_REGISTRY_URL', 'schema registry with the Confluent API, whole base URL', z.url()),
  stateDir: setting(
    'PENSTOCK_STATE_DIR',
    'folder for caches that survive a restart',
    z.string().default('.penstock/state'),
  ),
  logLevel: setting(
    'PENSTOCK_LOG_LEVEL',
    'debug, info, warn, error or silent',
    z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ),
  adminPort: setting(
    'PENSTOCK_ADMIN_PORT',
    'port of /livez, /readyz and /metrics; 0 picks a free one',
    z.coerce.number().int().min(0).max(65_535).default(0),
  ),
} as const

/** Reads all settings and reports all problems at once. Throws ConfigError. */
function readSettings<S extends Settings>(settings: S, env: Readonly<Record<string, string | undefined>>): ConfigOf<S> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, { env: variable, help, type }] of Object.entries(settings)) {
    const given = env[variable]
    const parsed = type.safeParse(given === '' ? undefined : given)
    if (parsed.success) values[name] = parsed.data
    else
      problems.push(
        `${variable} (${help}): ${given === undefined ? 'is not set' : parsed.error.issues.map((issue) => issue.message).join('; ')}`,
      )
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values as ConfigOf<S>
}

/**
 * Handles `--help` and `--validate` for a service's main; returns the configuration, or ends the process with 0 or 2. `complete` reads the files
 * that settings name, so that `--validate` checks them too; a ConfigError of it is reported like one of the settings.
 */
export function loadConfig<S extends Settings, T = ConfigOf<S>>(
  service: string,
  settings: S,
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
  complete: (config: ConfigOf<S>) => T = (config) => config as unknown as T,
): T {
  if (argv.includes('--help')) {
    const rows = Object.values(settings).map(({ env: variable, help }) => `  ${variable.padEnd(32)} ${help}`)
    process.stdout.write(
      `${service}: configured by environment variables\n\n${rows.join('\n')}\n\n  --validate  check the configuration and exit\n  --help      this text\n`,
    )
    process.exit(0)
  }
  try {
    const config = complete(readSettings(settings, env))
    if (argv.includes('--validate')) {
      process.stdout.write(`${service}: configuration is valid\n`)
      process.exit(0)
    }
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${service}: ${error.message}\n`)
    process.exit(2)
  }
}
