import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ConfigError } from '../config/config-error.ts'
import type { AnswerForm } from './answer-reader.ts'

const forms = ['chat.completions', 'completions', 'embeddings', 'responses', 'messages'] as const satisfies AnswerForm[]

/** What everything that calls a provider needs to know of it; the keys come from elsewhere. */
export const providerSettings = {
  id: z.string().min(1),
  /** Everything before the operation, such as `https://api.example.com/v1`. */
  baseUrl: z.url(),
  /** Whose way of naming keys and errors it follows. */
  api: z.enum(['openai', 'anthropic']).default('openai'),
  /** The operations that it has; without it those of its `api`. */
  operations: z.array(z.enum(forms)).optional(),
  apiKeyEnv: z.string().min(1).optional(),
  apiKeyFile: z.string().min(1).optional(),
  /** Repetitions of live calls of which nothing was answered yet, at this provider alone. Without it there are none. */
  retries: z
    .strictObject({
      max: z.number().int().min(1).max(5),
      /** `connection`: nothing was sent. `rate_limited`: 429. `overloaded`: 503 and 529. `provider_5xx`: any other 5xx; it may have been paid for. */
      on: z.array(z.enum(['connection', 'rate_limited', 'overloaded', 'provider_5xx'])).default(['connection']),
      /** Other addresses of the same models, taken in turn from the second attempt on. */
      fallbackUrls: z.array(z.url()).max(8).default([]),
    })
    .optional(),
}

export type RetryReason = 'connection' | 'rate_limited' | 'overloaded' | 'provider_5xx'

export type ProviderApi = 'openai' | 'anthropic'

interface Served {
  readonly api: ProviderApi
  readonly operations?: readonly AnswerForm[] | undefined
}

const operationsOf: Readonly<Record<ProviderApi, readonly AnswerForm[]>> = {
  openai: ['chat.completions', 'completions', 'embeddings', 'responses'],
  anthropic: ['messages'],
}

/** Whether a provider has an operation. */
export function serves({ api, operations }: Served, form: AnswerForm): boolean {
  return (operations ?? operationsOf[api]).includes(form)
}

/** The header in which a provider wants its key; empty without one. */
export function keyHeader(api: ProviderApi, key: string | null): Record<string, string> {
  if (key === null) return {}
  return api === 'anthropic' ? { 'x-api-key': key } : { authorization: `Bearer ${key}` }
}

/**
 * A provider's key from its file or environment variable; null when it names neither. Throws ConfigError, without the key, when what it names is not
 * there: a provider that is asked without a key refuses everything, and that would look like a fault of the model.
 */
export function readProviderKey(
  provider: { readonly id: string; readonly apiKeyEnv?: string | undefined; readonly apiKeyFile?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const { id, apiKeyEnv, apiKeyFile } = provider
  if (apiKeyFile !== undefined) return keyFrom(id, apiKeyFile)
  if (apiKeyEnv === undefined) return null
  const key = env[apiKeyEnv]?.trim() ?? ''
  if (key === '')
    throw new ConfigError([`provider ${id}: apiKeyEnv names ${apiKeyEnv}, which is not set; set it or leave it out`])
  return key
}

function keyFrom(id: string, path: string): string {
  let key: string
  try {
    key = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new ConfigError([`provider ${id}: apiKeyFile ${path} cannot be read (${code}); write the key there`])
  }
  if (key === '') throw new ConfigError([`provider ${id}: apiKeyFile ${path} is empty; write the key there`])
  return key
}
