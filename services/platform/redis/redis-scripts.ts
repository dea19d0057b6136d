import { Redis } from 'ioredis'
import { PenstockError } from '../../domain/outcome/penstock-error.ts'

/** Redis did not answer. Always retriable; callers say what they do meanwhile. */
class RedisError extends PenstockError {}

/** Runs Lua scripts on Redis. */
export interface RedisScripts {
  run(
    script: { readonly name: string; readonly lua: string },
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>
  /** Whether Redis could be asked now. */
  isConnected(): boolean
  stop(): Promise<void>
}

const commandTimeoutMs = 2_000

/** Connects in the background and keeps trying; while Redis is away every call rejects at once with code REDIS_AWAY. */
export function openRedisScripts(url: string): RedisScripts {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  })
  // Without a listener ioredis prints every failed attempt; callers learn of it from their own calls.
  redis.on('error', () => undefined)
  return {
    async run(script, keys, args) {
      try {
        return await redis.eval(script.lua, keys.length, ...keys, ...args)
      } catch (cause) {
        throw new RedisError(`script ${script.name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
          code: 'REDIS_AWAY',
          retriable: true,
          cause,
        })
      }
    },
    isConnected: () => redis.status === 'ready',
    async stop() {
      redis.disconnect()
    },
  }
}
