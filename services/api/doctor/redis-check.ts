import type { RedisFacts } from '../../platform/redis/redis-probe.ts'
import { type Check, fail, ok, reasonOf, warn, within } from './check.ts'

/** Redis holds the budgets of shadow calls. `probe` null: this API was not told of one. */
export async function lookAtRedis(
  probe: (() => Promise<RedisFacts>) | null,
  withinMs: number,
): Promise<readonly Check[]> {
  if (probe === null)
    return [
      warn('redis', 'not looked at: this API was told of none', 'set PENSTOCK_REDIS_URL of the API to that of shadow'),
    ]
  try {
    const { version, evicts } = await within(withinMs, probe)
    return evicts === 'noeviction'
      ? [ok('redis', `Redis ${version}, keeps what it holds`)]
      : [
          warn(
            'redis',
            `Redis ${version} forgets keys when it is full (${evicts}), and budgets with them`,
            'set maxmemory-policy noeviction',
          ),
        ]
  } catch (error) {
    return [
      fail(
        'redis',
        `no answer: ${reasonOf(error)}`,
        'start Redis, or mend PENSTOCK_REDIS_URL; shadow calls pause meanwhile, and gates wait for pairs',
      ),
    ]
  }
}
