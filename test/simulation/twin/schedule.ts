import { type Draw, uniforms } from '../draws.ts'

/** What happens to an installation, and when; times are ms from the start of the traffic. */
export type Fault =
  | { readonly kind: 'kill' | 'pause'; readonly process: string; readonly atMs: number; readonly forMs: number }
  | {
      readonly kind: 'broker-stall' | 'replica-behind' | 'store-away' | 'store-flaps'
      readonly atMs: number
      readonly forMs: number
    }

/** What people do meanwhile. A hold is resumed, and a kill released, `forMs` later. */
export interface Deed {
  readonly kind: 'hold' | 'kill' | 'rollback' | 'promote'
  readonly atMs: number
  readonly forMs: number
}

/**
 * How long things take. A short schedule has the whole life of a run in two fifths of the requests of a long one, which has time for whatever must not happen long
 * after. A brief one has a few dozen requests and somebody who promotes the run without waiting for its gate: several are played in the time of a short one, each
 * with its faults close together.
 */
export interface Pace {
  readonly trafficMs: number
  /** From the last request to the end: sessions expire, ranges are inserted, leases lapse, horizons pass. */
  readonly settlingMs: number
  readonly perSecond: number
  /** Leg timeout of the run. Answers take up to .35 of it, late ones come 3 to 6 of it after their time. */
  readonly legTimeoutMs: number
  /** Longest kill or pause. */
  readonly faultMsMax: number
  readonly leaseMs: number
  /** The broker gives up a member that has been silent for so long. */
  readonly sessionMs: number
  /** Least time in shadow and in the canary, and between full traffic and the end. */
  readonly shadowMs: number
  readonly canaryMs: number
  readonly bakeMs: number
  /** Transactions fail up to then, ms from the start of the traffic; trying again takes longer and longer, and a brief schedule has no time for it at the end. */
  readonly transactionFaultsForMs: number
  /** Somebody promotes the run in the first half of the traffic. */
  readonly promoted: boolean
  /** Shares of exchanges whose records come late, twice, out of order, or never. A gate advances nothing where too many are missing. */
  readonly oddities: {
    readonly late: number
    readonly twice: number
    readonly shuffled: number
    readonly missing: number
  }
}

export const paces = {
  long: {
    trafficMs: 25_000,
    settlingMs: 30_000,
    perSecond: 16,
    legTimeoutMs: 1_000,
    faultMsMax: 12_000,
    leaseMs: 8_000,
    sessionMs: 6_000,
    shadowMs: 3_000,
    canaryMs: 5_000,
    bakeMs: 5_000,
    transactionFaultsForMs: Number.POSITIVE_INFINITY,
    promoted: false,
    oddities: { late: 0.02, twice: 0.02, shuffled: 0.05, missing: 0.01 },
  },
  short: {
    trafficMs: 10_000,
    settlingMs: 12_000,
    perSecond: 16,
    legTimeoutMs: 1_000,
    faultMsMax: 4_000,
    leaseMs: 5_000,
    sessionMs: 3_000,
    shadowMs: 1_000,
    canaryMs: 2_000,
    bakeMs: 2_000,
    transactionFaultsForMs: Number.POSITIVE_INFINITY,
    promoted: false,
    oddities: { late: 0.005, twice: 0.02, shuffled: 0.05, missing: 0.0025 },
  },
  brief: {
    trafficMs: 2_000,
    settlingMs: 4_000,
    perSecond: 20,
    legTimeoutMs: 300,
    faultMsMax: 1_500,
    leaseMs: 5_000,
    sessionMs: 1_000,
    shadowMs: 300,
    canaryMs: 500,
    bakeMs: 500,
    transactionFaultsForMs: 2_000,
    promoted: true,
    oddities: { late: 0.005, twice: 0.02, shuffled: 0.05, missing: 0.0025 },
  },
} as const satisfies Readonly<Record<string, Pace>>

export interface Schedule extends Pace {
  readonly seed: number
  /** What the candidate does from the middle of the traffic on. */
  readonly harm: 'none' | 'errors'
  /** Clocks of one gateway and of the gate, ms off. */
  readonly skewMs: { readonly gateway: number; readonly gate: number }
  /** Share of transactions that fail. */
  readonly transactionFaults: number
  /** Two waves side by side, one of them for a tenant that half of the users belong to; else one wave for all. */
  readonly together?: boolean
  readonly faults: readonly Fault[]
  readonly deeds: readonly Deed[]
}

const processNames = [
  'gateway-1',
  'gateway-2',
  'pairing-1',
  'pairing-2',
  'gate',
  'controller-1',
  'controller-2',
  'sink-1',
  'sink-2',
] as const

const hourMs = 3_600_000

/** A schedule from a seed: kills and pauses of every process, stalls of the broker, replicas that are behind, a store that is away or flaps, clocks an hour off, odd exchanges, and what people do. */
export function scheduleOf(seed: number, pace: Pace = paces.long): Schedule {
  const uniform = uniforms(seed * 7 + 3)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(uniform() * items.length)] as T
  const { trafficMs, faultMsMax } = pace
  const process = (): Fault => ({
    kind: uniform() < 0.6 ? 'kill' : 'pause',
    process: pick(processNames),
    atMs: Math.round(uniform() * trafficMs),
    forMs: Math.round(200 + uniform() ** 2 * faultMsMax),
  })
  const faults = Array.from({ length: 1 + Math.floor(uniform() * 8) }, process)
  const some = <T>(chance: number, make: () => T): readonly T[] => (uniform() < chance ? [make()] : [])
  const lasting = <K extends string>(kind: K) => ({
    kind,
    atMs: Math.round(uniform() * trafficMs),
    forMs: Math.round(uniform() * Math.min(5_000, faultMsMax)),
  })
  const schedule: Schedule = {
    ...pace,
    seed,
    harm: uniform() < 0.5 ? 'errors' : 'none',
    skewMs: {
      gateway: pick([0, 0, hourMs, -hourMs]),
      gate: pick([0, 0, hourMs, -hourMs]),
    },
    transactionFaults: pick([0, 0, 0.1, 0.3]),
    faults: [...faults, ...some(0.3, () => lasting('broker-stall')), ...some(0.2, () => lasting('store-away'))],
    deeds: some(0.3, () => lasting(pick(['hold', 'kill', 'rollback'] as const))),
  }
  return {
    ...schedule,
    faults: [...schedule.faults, ...some(0.3, () => lasting('replica-behind')), ...flapping(uniform, pace)],
    deeds: [...schedule.deeds, ...(pace.promoted ? [promotion(uniform() * trafficMs * 0.5)] : [])],
  }
}

/**
 * A store that comes up and is killed again and again, and a sink that dies meanwhile. Only so does a sink leave behind a second attempt that it heard
 * nothing of: a store that stays away answers no first one, and faults drawn by themselves rarely meet.
 */
function flapping(uniform: Draw, { trafficMs, faultMsMax }: Pace): readonly Fault[] {
  if (uniform() >= 0.2) return []
  const atMs = Math.round(uniform() * trafficMs)
  const forMs = Math.round((0.5 + 0.5 * uniform()) * Math.min(5_000, faultMsMax))
  return [
    { kind: 'store-flaps', atMs, forMs },
    {
      kind: 'kill',
      process: uniform() < 0.5 ? 'sink-1' : 'sink-2',
      atMs: Math.round(atMs + uniform() * forMs),
      forMs: Math.round(200 + uniform() ** 2 * faultMsMax),
    },
  ]
}

function promotion(atMs: number): Deed {
  return { kind: 'promote', atMs: Math.round(atMs), forMs: 0 }
}

/** The same traffic with nothing going wrong. */
export function undisturbed(schedule: Schedule): Schedule {
  return { ...schedule, faults: [], deeds: [], transactionFaults: 0, skewMs: { gateway: 0, gate: 0 } }
}
