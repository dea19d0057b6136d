/** What shadow calls may still cost, per run, shared by all shadow instances. Reserved before each attempt, settled after it. */
export interface Budget {
  /** `exhausted_*` when the call does not fit; `away` when nobody can be asked (then shadow waits). */
  reserve(
    run: string,
    limits: BudgetLimits,
    estimateMicroUsd: number,
  ): Promise<'reserved' | 'exhausted_calls' | 'exhausted_money' | 'away'>
  /** Replaces the reserved estimate by what the call cost. A settlement that fails leaves the estimate booked: never too little. */
  settle(run: string, estimateMicroUsd: number, actualMicroUsd: number): Promise<void>
}

export interface BudgetLimits {
  readonly calls: number
  readonly microUsd: number
}

/** Runs a Lua script on Redis by its name. Rejects when Redis is away. */
export interface ScriptRunner {
  run(
    script: { readonly name: string; readonly lua: string },
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>
}

const keepSeconds = 90 * 24 * 3600

const reserveScript = {
  name: 'penstockReserve',
  lua: `
local calls = tonumber(redis.call('HGET', KEYS[1], 'calls') or '0')
local money = tonumber(redis.call('HGET', KEYS[1], 'micro_usd') or '0')
if calls + 1 > tonumber(ARGV[1]) then return 'exhausted_calls' end
if money + tonumber(ARGV[3]) > tonumber(ARGV[2]) then return 'exhausted_money' end
redis.call('HINCRBY', KEYS[1], 'calls', 1)
redis.call('HINCRBY', KEYS[1], 'micro_usd', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 'reserved'`,
}

const settleScript = {
  name: 'penstockSettle',
  lua: `return redis.call('HINCRBY', KEYS[1], 'micro_usd', ARGV[1])`,
}

export function createRedisBudget(scripts: ScriptRunner, keyPrefix: string): Budget {
  const keyOf = (run: string) => `${keyPrefix}shadow-budget:${run}`
  return {
    async reserve(run, limits, estimateMicroUsd) {
      try {
        const answer = await scripts.run(
          reserveScript,
          [keyOf(run)],
          [limits.calls, limits.microUsd, estimateMicroUsd, keepSeconds],
        )
        return answer === 'reserved' || answer === 'exhausted_calls' || answer === 'exhausted_money' ? answer : 'away'
      } catch {
        return 'away'
      }
    },
    async settle(run, estimateMicroUsd, actualMicroUsd) {
      if (estimateMicroUsd === actualMicroUsd) return
      await scripts.run(settleScript, [keyOf(run)], [actualMicroUsd - estimateMicroUsd]).catch(() => undefined)
    },
  }
}
