/** What shadow calls may still cost, per run, shared by all shadow instances. Reserved before each attempt, settled after it. */
export interface Budget {
  /** `exhausted_*` when the call does not fit; `away` when nobody can be asked (then shadow waits). */
  reserve(run: string, limits: BudgetLimits, estimate: Spend, nowMs: number): Promise<Reservation>
  /** Replaces the reserved estimate by what the call cost. A settlement that fails leaves the estimate booked: never too little. */
  settle(run: string, estimate: Spend, actual: Spend, reservedAtMs: number): Promise<void>
}

/** What one call costs besides being a call. */
export interface Spend {
  readonly microUsd: number
  readonly tokens: number
}

/**
 * Limits by what (`calls`, `micro_usd`, `tokens`) and, after it, over what: the whole run, `_per_minute`, or `_per_day` (UTC). What is not named is not
 * limited.
 */
export type BudgetLimits = Readonly<Record<string, number>>

export type Reservation = 'reserved' | 'away' | `exhausted_${string}`

/** Runs a Lua script on Redis by its name. Rejects when Redis is away. */
export interface ScriptRunner {
  run(
    script: { readonly name: string; readonly lua: string },
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>
}

const keepSeconds = 90 * 24 * 3600
const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const whats = ['calls', 'micro_usd', 'tokens'] as const
const windows = ['', '_per_minute', '_per_day'] as const
const unlimited = -1

/**
 * One hash per run: what was spent in all and in the window that is under way, with the window's number. A window is opened by the first call in it;
 * an instance whose clock is behind books into the latest. KEYS: the hash. ARGV: seconds to keep it, minute, day, three amounts, nine limits.
 */
const reserveScript = {
  name: 'penstockReserve',
  lua: `
local whats = {'calls', 'micro_usd', 'tokens'}
local windows = {'', '_per_minute', '_per_day'}
for w = 2, 3 do
  local now = tonumber(ARGV[w])
  if now > tonumber(redis.call('HGET', KEYS[1], 'window' .. windows[w]) or '-1') then
    redis.call('HSET', KEYS[1], 'window' .. windows[w], now)
    for a = 1, 3 do redis.call('HDEL', KEYS[1], whats[a] .. windows[w]) end
  end
end
for w = 1, 3 do
  for a = 1, 3 do
    local limit = tonumber(ARGV[6 + (w - 1) * 3 + a])
    local spent = tonumber(redis.call('HGET', KEYS[1], whats[a] .. windows[w]) or '0')
    if limit >= 0 and spent + tonumber(ARGV[3 + a]) > limit then return 'exhausted_' .. whats[a] .. windows[w] end
  end
end
for w = 1, 3 do
  for a = 1, 3 do redis.call('HINCRBY', KEYS[1], whats[a] .. windows[w], ARGV[3 + a]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 'reserved'`,
}

/** KEYS: the hash. ARGV: minute and day of the reservation, and what the amounts change by; a window that is over is left alone. */
const settleScript = {
  name: 'penstockSettle',
  lua: `
local whats = {'micro_usd', 'tokens'}
local windows = {'_per_minute', '_per_day'}
for a = 1, 2 do
  redis.call('HINCRBY', KEYS[1], whats[a], ARGV[2 + a])
  for w = 1, 2 do
    if redis.call('HGET', KEYS[1], 'window' .. windows[w]) == ARGV[w] then
      redis.call('HINCRBY', KEYS[1], whats[a] .. windows[w], ARGV[2 + a])
    end
  end
end
return 'settled'`,
}

export function createRedisBudget(scripts: ScriptRunner, keyPrefix: string): Budget {
  const keyOf = (run: string) => `${keyPrefix}shadow-budget:${run}`
  const windowsAt = (ms: number) => [Math.floor(ms / minuteMs), Math.floor(ms / dayMs)]
  return {
    async reserve(run, limits, estimate, nowMs) {
      const allowed = windows.flatMap((window) => whats.map((what) => limits[`${what}${window}`] ?? unlimited))
      const args = [keepSeconds, ...windowsAt(nowMs), 1, estimate.microUsd, estimate.tokens, ...allowed]
      try {
        const answer = await scripts.run(reserveScript, [keyOf(run)], args)
        if (answer === 'reserved') return answer
        return typeof answer === 'string' && answer.startsWith('exhausted_') ? (answer as Reservation) : 'away'
      } catch {
        return 'away'
      }
    },
    async settle(run, estimate, actual, reservedAtMs) {
      const [microUsd, tokens] = [actual.microUsd - estimate.microUsd, actual.tokens - estimate.tokens]
      if (microUsd === 0 && tokens === 0) return
      const args = [...windowsAt(reservedAtMs), microUsd, tokens]
      await scripts.run(settleScript, [keyOf(run)], args).catch(() => undefined)
    },
  }
}
