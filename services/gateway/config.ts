import { z } from 'zod'
import { type Prompt, userSlot } from '../domain/sampling/prompt.ts'
import { ConfigError } from '../platform/config/config-error.ts'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'
import { readSettingsFile } from '../platform/config/settings-file.ts'
import { promptOf, promptSettings, readPrompts } from '../platform/model-api/prompt-settings.ts'
import { providerSettings, readProviderKey } from '../platform/model-api/provider-settings.ts'

const settings = {
  ...commonSettings,
  port: setting(
    'PENSTOCK_GATEWAY_PORT',
    'port of the API; 0 picks a free one',
    z.coerce.number().int().min(0).max(65_535).default(8080),
  ),
  host: setting('PENSTOCK_GATEWAY_HOST', 'address of the API', z.string().default('127.0.0.1')),
  routerId: setting(
    'PENSTOCK_GATEWAY_ID',
    'name of this router in rollout files and acks',
    z.string().min(1).max(63).default('gateway'),
  ),
  providersFile: setting('PENSTOCK_PROVIDERS_FILE', 'YAML file with providers, routes and tenants', z.string().min(1)),
  hashKey: setting('PENSTOCK_HASH_KEY', 'secret that sessions, users and tenants are hashed with', z.string().min(16)),
  legTimeoutMs: setting(
    'PENSTOCK_GATEWAY_LEG_TIMEOUT_MS',
    'longest answer, ms',
    z.coerce.number().int().min(100).default(60_000),
  ),
  tapBytesMax: setting(
    'PENSTOCK_GATEWAY_TAP_BYTES_MAX',
    'bytes that may wait in the tap',
    z.coerce.number().int().min(100_000).default(64_000_000),
  ),
  bodyBytesMax: setting(
    'PENSTOCK_GATEWAY_BODY_BYTES_MAX',
    'largest request body',
    z.coerce.number().int().min(1_000).default(20_000_000),
  ),
  bodiesBytesMax: setting(
    'PENSTOCK_GATEWAY_BODIES_BYTES_MAX',
    'bytes of all request bodies under way; more are refused with 503',
    z.coerce.number().int().min(1_000).default(512_000_000),
  ),
  requestTimeoutMs: setting(
    'PENSTOCK_GATEWAY_REQUEST_TIMEOUT_MS',
    'how long a caller may take to send its request, ms; its head at most a minute',
    z.coerce.number().int().min(1_000).default(300_000),
  ),
  requestsMax: setting(
    'PENSTOCK_GATEWAY_REQUESTS_MAX',
    'requests under way at once; more are refused with 503',
    z.coerce.number().int().min(1).default(2_048),
  ),
  loopHeldMaxMs: setting(
    'PENSTOCK_GATEWAY_LOOP_HELD_MAX_MS',
    'how long the event loop may be held up at a time, ms; while it is longer, again and again, a share of the requests is refused with 503',
    z.coerce.number().int().min(20).max(10_000).default(250),
  ),
  drainMs: setting(
    'PENSTOCK_GATEWAY_DRAIN_MS',
    'how long running answers may go on when the gateway stops, ms; without it as long as the longest answer',
    z.coerce.number().int().min(0).optional(),
  ),
  drainLeadMs: setting(
    'PENSTOCK_GATEWAY_DRAIN_LEAD_MS',
    'how long the gateway says that it is not ready before it takes no more connections, ms',
    z.coerce.number().int().min(0).max(300_000).default(0),
  ),
  localKillFile: setting(
    'PENSTOCK_GATEWAY_KILL_FILE',
    'while this file exists the candidate gets nothing',
    z.string().default(''),
  ),
} as const

const file = z.object({
  providers: z.array(z.object(providerSettings)).min(1),
  routes: z
    .array(
      z.object({
        id: z.string().min(1),
        default: z.object({
          id: z.string().min(1),
          provider: z.string().min(1),
          model: z.string().min(1),
          promptVersion: z.string().min(1).optional(),
        }),
        prompts: promptSettings,
      }),
    )
    .min(1),
  tenants: z
    .array(
      z.object({
        id: z.string().min(1),
        /** SHA-256 (hex) of the tenant's bearer token. */
        tokenSha256: z.string().regex(/^[0-9a-f]{64}$/),
        capture: z.enum(['full', 'redacted', 'metadata', 'none']).default('full'),
        segments: z.record(z.string(), z.string()).default({}),
        /** What it may call; without it every operation that is captured. */
        operations: providerSettings.operations,
        /** How much else below /v1 is passed on for it, with the provider's key: calls that keep nothing (`stateless`), also what all callers of the key share (`all`). */
        passthrough: z.enum(['none', 'stateless', 'all']).default('stateless'),
      }),
    )
    .min(1),
})

export type RoutingFile = z.infer<typeof file>
export type GatewayConfig = Omit<ConfigOf<typeof settings>, 'drainMs'> & {
  readonly drainMs: number
  /** Ms that stopping may take: draining, and then what the tap still holds. */
  readonly stopMs: number
  readonly routing: RoutingFile
  readonly apiKeys: Readonly<Record<string, string | null>>
  /** Prompts by route and version; null for a route whose callers send their own. */
  readonly prompts: Readonly<Record<string, Readonly<Record<string, Prompt>> | null>>
}

/** What the tap, the other parts and their connections get after the last answer. */
const flushMs = 10_000

export function loadGatewayConfig(argv: readonly string[]): GatewayConfig {
  return loadConfig('gateway', settings, process.env, argv, (config): GatewayConfig => {
    const routing = readRoutingFile(config.providersFile)
    const keys = routing.providers.map((provider) => [provider.id, readProviderKey(provider, process.env)])
    const prompts = routing.routes.map(
      (route) => [route.id, readPrompts(route, config.providersFile, userSlot)] as const,
    )
    const unknown = routing.routes.filter(
      ({ id, default: { promptVersion } }) =>
        promptOf(Object.fromEntries(prompts)[id], promptVersion ?? null) === 'unknown',
    )
    if (unknown.length > 0)
      throw new ConfigError(
        unknown.map(({ id, default: { promptVersion } }) => `route ${id}: no prompt ${promptVersion} in its prompts`),
      )
    const drainMs = config.drainMs ?? config.legTimeoutMs
    return {
      ...config,
      drainMs,
      stopMs: config.drainLeadMs + drainMs + flushMs,
      routing,
      prompts: Object.fromEntries(prompts),
      apiKeys: Object.fromEntries(keys) as Record<string, string | null>,
    }
  })
}

/** Throws ConfigError with the line of every problem. */
function readRoutingFile(path: string): RoutingFile {
  const { value: routing, lineOf } = readSettingsFile(path, file)
  const known = new Set(routing.providers.map((provider) => provider.id))
  const unknown = routing.routes.flatMap((route, index) =>
    known.has(route.default.provider)
      ? []
      : [
          `${path}:${lineOf(['routes', index, 'default', 'provider'])}: route ${route.id}: no provider \`${route.default.provider}\`; known: ${[...known].join(', ')}`,
        ],
  )
  if (unknown.length > 0) throw new ConfigError(unknown)
  return routing
}
