import { uniforms } from '../simulation/draws.ts'

/** What is killed with -9 and started again. */
export const killedServices = ['pairing', 'sink', 'shadow', 'gate-evaluator', 'rollout-controller', 'gateway'] as const
export const killedParts = ['redis', 'registry', 'clickhouse'] as const
/** Those that share their partitions out among instances. */
export const joiningServices = ['pairing', 'sink', 'shadow', 'rollout-controller'] as const
export type JoiningService = (typeof joiningServices)[number]
export type KilledService = (typeof killedServices)[number]
export type KilledPart = (typeof killedParts)[number]

/** What happens to the installation, and when: ms from the start of the feed. */
export type Deed =
  | {
      readonly kind: 'kill'
      readonly target: KilledService | KilledPart
      readonly atMs: number
      readonly forMs: number
    }
  /** A second instance joins the group and leaves it `forMs` later, asked or killed. */
  | {
      readonly kind: 'join'
      readonly target: JoiningService
      readonly leaves: 'asked' | 'killed'
      readonly atMs: number
      readonly forMs: number
    }
  | { readonly kind: 'broker-kill' | 'broker-stop' | 'disk-full'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'store-away'; readonly atMs: number; readonly forMs: number }

/** Minutes of feed for which the counts below are meant; shorter runs have their share of each. */
export const fullMinutes = 17
const killsEach = 22
const joinsEach = 7
const storeAwayMs = 300_000

/** The same deeds for the same seed and length. */
export function scheduleOf(seed: number, minutes: number): readonly Deed[] {
  const uniform = uniforms(seed * 11 + 5)
  const lengthMs = minutes * 60_000
  const share = Math.min(1, minutes / fullMinutes)
  const away = { atMs: Math.round(lengthMs * (0.42 + 0.06 * uniform())), forMs: Math.round(storeAwayMs * share) }
  /** `count` moments, one in each equal part of the time outside of `gap`. */
  const moments = (count: number, gap = { atMs: lengthMs, forMs: 0 }) =>
    Array.from({ length: count }, (_, index) => {
      const atMs = 0.02 * lengthMs + ((index + uniform()) / count) * (0.96 * lengthMs - gap.forMs)
      return Math.round(atMs < gap.atMs ? atMs : atMs + gap.forMs)
    })
  const deeds: Deed[] = [{ kind: 'store-away', ...away }]
  const kills = Math.max(2, Math.round(killsEach * share))
  for (const target of [...killedServices, ...killedParts])
    for (const atMs of moments(
      kills,
      target === 'clickhouse' ? { atMs: away.atMs - 5_000, forMs: away.forMs + 15_000 } : undefined,
    ))
      deeds.push({ kind: 'kill', target, atMs, forMs: Math.round(100 + uniform() ** 3 * 8_000) })
  for (const target of joiningServices)
    for (const atMs of moments(Math.max(1, Math.round(joinsEach * share)))) {
      const leaves = uniform() < 0.5 ? 'asked' : 'killed'
      deeds.push({ kind: 'join', target, leaves, atMs, forMs: Math.round(8_000 + uniform() * 25_000) })
    }
  for (const [index, kind] of (['broker-kill', 'broker-stop', 'broker-kill', 'disk-full'] as const).entries())
    deeds.push({
      kind,
      atMs: Math.round(lengthMs * (0.12 + 0.22 * index + 0.1 * uniform())),
      forMs: Math.round(1_000 + uniform() * 9_000),
    })
  return deeds.sort((a, b) => a.atMs - b.atMs)
}
