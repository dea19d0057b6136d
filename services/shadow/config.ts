import { z } from 'zod'
import { type Prompt, userSlot } from '../domain/sampling/prompt.ts'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'
import { readSettingsFile } from '../platform/config/settings-file.ts'
import { promptSettings, readPrompts } from '../platform/model-api/prompt-settings.ts'
import { providerSettings, readProviderKey } from '../platform/model-api/provider-settings.ts'

const settings = {
  ...commonSettings,
  groupId: setting('PENSTOCK_SHADOW_GROUP', 'consumer group of the exchanges', z.string().min(1).default('shadow')),
  redisUrl: setting('PENSTOCK_REDIS_URL', 'Redis that holds the budgets', z.string().min(1)),
  providersFile: setting(
    'PENSTOCK_PROVIDERS_FILE',
    'YAML file with the providers and tenants (the same as the gateway reads)',
    z.string().min(1),
  ),
  callsMax: setting(
    'PENSTOCK_SHADOW_CALLS_MAX',
    'most shadow calls at a time',
    z.coerce.number().int().min(1).max(10_000).default(64),
  ),
  waitingBytesMax: setting(
    'PENSTOCK_SHADOW_WAITING_BYTES_MAX',
    'bytes of request bodies that may wait',
    z.coerce.number().int().min(1_000_000).default(64_000_000),
  ),
  retriesMax: setting(
    'PENSTOCK_SHADOW_RETRIES_MAX',
    'most repetitions of a call that had not begun to be answered',
    z.coerce.number().int().min(0).max(5).default(2),
  ),
} as const

export type ShadowConfig = ConfigOf<typeof settings> & {
  readonly providers: ProvidersFile
  readonly apiKeys: Readonly<Record<string, string | null>>
  /** Prompts by route and version; null for a route whose callers send their own. */
  readonly prompts: Readonly<Record<string, Readonly<Record<string, Prompt>> | null>>
}

const priceSchema = z.object({ inputUsdPerMillion: z.number().min(0), outputUsdPerMillion: z.number().min(0) })

const providersSchema = z.object({
  providers: z.array(z.object({ ...providerSettings, prices: z.record(z.string(), priceSchema).default({}) })),
  routes: z.array(z.object({ id: z.string().min(1), prompts: promptSettings })).default([]),
  tenants: z.array(z.object({ id: z.string().min(1), shadowProviders: z.array(z.string()).default([]) })).default([]),
})

/** What shadow needs of the providers file; other keys are the gateway's. */
export type ProvidersFile = z.infer<typeof providersSchema>

export function loadShadowConfig(argv: readonly string[]): ShadowConfig {
  return loadConfig('shadow', settings, process.env, argv, (config): ShadowConfig => {
    const providers = readSettingsFile(config.providersFile, providersSchema).value
    const keys = providers.providers.map((provider) => [provider.id, readProviderKey(provider, process.env)])
    const prompts = providers.routes.map(
      (route) => [route.id, readPrompts(route, config.providersFile, userSlot)] as const,
    )
    return {
      ...config,
      providers,
      prompts: Object.fromEntries(prompts),
      apiKeys: Object.fromEntries(keys) as Record<string, string | null>,
    }
  })
}
