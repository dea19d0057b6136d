import { Redis } from 'ioredis'

/** What a Redis says of itself. */
export interface RedisFacts {
  readonly version: string
  /** Its clock, ms since the epoch. */
  readonly nowMs: number
  /** What it does when its memory is full; anything but `noeviction` forgets keys. */
  readonly evicts: string
}

/** Connects, asks and leaves. Rejects when there is no answer within `withinMs`. */
export async function probeRedis(url: string, withinMs: number): Promise<RedisFacts> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: withinMs,
    commandTimeout: withinMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let failure: Error | null = null
  // A refused connection says why here, and only "Connection is closed." where it was awaited.
  redis.on('error', (error: Error) => {
    failure ??= error
  })
  try {
    await redis.connect()
    const [seconds, micros] = await redis.time()
    const info = `${await redis.info('server')}\n${await redis.info('memory')}`
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown'
    return {
      version: field('redis_version'),
      nowMs: Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000),
      evicts: field('maxmemory_policy'),
    }
  } catch (error) {
    throw failure ?? error
  } finally {
    redis.disconnect()
  }
}
