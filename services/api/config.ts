import { z } from 'zod'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'
import { readSettingsFile } from '../platform/config/settings-file.ts'

const settings = {
  ...commonSettings,
  port: setting(
    'PENSTOCK_API_PORT',
    'port of the API; 0 picks a free one',
    z.coerce.number().int().min(0).max(65_535).default(8090),
  ),
  host: setting('PENSTOCK_API_HOST', 'address of the API', z.string().default('127.0.0.1')),
  tokensFile: setting(
    'PENSTOCK_API_TOKENS_FILE',
    'YAML file with the tokens: name, role, tokenSha256',
    z.string().min(1),
  ),
  clickhouseUrl: setting('PENSTOCK_CLICKHOUSE_URL', 'store for pairs; empty: no pairs', z.string().default('')),
  clickhouseUser: setting('PENSTOCK_CLICKHOUSE_READER', 'reading account', z.string().default('reader')),
  clickhousePassword: setting('PENSTOCK_CLICKHOUSE_READER_PASSWORD', 'its password', z.string().default('')),
  clickhouseDatabase: setting('PENSTOCK_CLICKHOUSE_DATABASE', 'database', z.string().default('penstock')),
  redisUrl: setting(
    'PENSTOCK_REDIS_URL',
    'Redis of shadow, for `penstock doctor` alone; empty: not looked at',
    z.string().default(''),
  ),
} as const

/** From least to most: each role may do what the ones before it may. */
export const roles = ['viewer', 'operator', 'approver', 'admin'] as const
export type Role = (typeof roles)[number]

const tokensSchema = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100),
        role: z.enum(roles),
        tokenSha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token in lower-case hex'),
      }),
    )
    .min(1)
    .max(1_000)
    // One token with two names or roles: whose word counts would be left to the order of the file.
    .refine((tokens) => new Set(tokens.map(({ tokenSha256 }) => tokenSha256)).size === tokens.length, {
      message: 'a tokenSha256 stands twice',
    }),
})

export type Tokens = z.infer<typeof tokensSchema>['tokens']
export type ApiConfig = ConfigOf<typeof settings> & { readonly tokens: Tokens }

export function loadApiConfig(argv: readonly string[]): ApiConfig {
  return loadConfig('api', settings, process.env, argv, (config) => ({
    ...config,
    tokens: readSettingsFile(config.tokensFile, tokensSchema).value.tokens,
  }))
}
