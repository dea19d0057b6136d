import type {
  Arm,
  Leg,
  Place,
  PlannedLeg,
  Request,
  Response,
  ShadowPlan,
} from '../../services/domain/events/records.ts'
import { request, response } from '../integration/clickhouse-rows.ts'
import { uniforms } from '../simulation/draws.ts'

/** The records of one exchange: its request, the plan of its shadow calls, and up to three answers. */
export const recordKinds = ['request', 'plan', 'live', 'shadow', 'second'] as const
export type RecordKind = (typeof recordKinds)[number]
export type AnswerKind = Exclude<RecordKind, 'request' | 'plan'>

/** One record to be sent, so many ms after the exchange is due. */
interface Sending {
  readonly kind: RecordKind
  readonly afterMs: number
}

/** The large run holds for ever; the candidate of the other begins to fail in the middle of the feed. */
export const feedRunIds = ['feed', 'feed-worse'] as const
export type FeedRunId = (typeof feedRunIds)[number]

/** What makes a feed the same feed. */
export interface FeedShape {
  readonly seed: number
  readonly exchanges: number
}

/** One exchange of the feed: a function of its shape and number. */
export interface FeedExchange {
  readonly number: number
  readonly run: FeedRunId
  /** The candidate has no answer but an error. */
  readonly fails: boolean
  readonly liveArm: Arm
  readonly unit: string
  /** Characters of prompt and each answer. */
  readonly characters: number
  readonly oddity: 'late' | 'missing' | 'twice' | null
  readonly sendings: readonly Sending[]
}

export const feedPrefix = 'feed-'
const worseEvery = 10
const worseAt = 7
const units = 5_000
/** Beyond the longest horizon, the start delay and the grace of the run. */
const lateMs = 15_000
/** Records of an exchange are sent in any order within so long; an answer waits 5 s for its request. */
const shuffledMs = 4_500

/** KB of an exchange and how many of a hundred are so large. */
const sizes = [
  [1, 80],
  [4, 15],
  [16, 4],
  [64, 1],
] as const

export function feedExchange({ seed, exchanges }: FeedShape, number: number): FeedExchange {
  const uniform = uniforms(seed * 1_000_003 + number)
  const unit = Math.floor(uniform() * units)
  // One unit in ten is on the candidate, as the weight says.
  const liveArm = unit % 10 === 0 ? 'candidate' : 'baseline'
  const hasSecond = liveArm === 'baseline' && number % 10 === 0
  const kinds: readonly AnswerKind[] =
    liveArm === 'candidate' ? ['live'] : hasSecond ? ['live', 'shadow', 'second'] : ['live', 'shadow']
  const drawn = uniform()
  const oddity = drawn < 0.02 ? 'late' : drawn < 0.03 ? 'missing' : drawn < 0.035 ? 'twice' : null
  const answer = uniform() < 0.5 || liveArm === 'candidate' ? 'live' : 'shadow'
  const arrivalMs = Math.floor(uniform() * shuffledMs)
  const answers = kinds.flatMap((kind): Sending[] => {
    const afterMs = Math.floor(uniform() * shuffledMs)
    if (kind !== answer || oddity === null) return [{ kind, afterMs }]
    if (oddity === 'missing') return []
    if (oddity === 'late') return [{ kind, afterMs: lateMs + afterMs }]
    return [
      { kind, afterMs },
      { kind, afterMs: afterMs + Math.floor(uniform() * shuffledMs) },
    ]
  })
  const sendings: readonly Sending[] = [
    { kind: 'request', afterMs: arrivalMs },
    { kind: 'plan', afterMs: arrivalMs },
    ...answers,
  ]
  const run = number % worseEvery === worseAt ? 'feed-worse' : 'feed'
  return {
    number,
    run,
    fails: run === 'feed-worse' && number >= exchanges / 2,
    liveArm,
    unit: `unit-${unit}`,
    characters: charactersFrom(uniform() * 100),
    oddity,
    sendings,
  }
}

function charactersFrom(drawn: number): number {
  let below = 0
  for (const [kilobytes, percent] of sizes) {
    below += percent
    if (drawn < below) return Math.floor((kilobytes * 1_024) / 3)
  }
  return 0
}

const words =
  'the river runs slowly past old mills while traders weigh grain and argue about prices that nobody remembers setting'.split(
    ' ',
  )
const longText = (() => {
  const uniform = uniforms(7)
  return Array.from({ length: 40_000 }, () => words[Math.floor(uniform() * words.length)]).join(' ')
})()

function textOf(exchange: FeedExchange, salt: number): string {
  const from = (exchange.number * 7_919 + salt * 104_729) % (longText.length - exchange.characters)
  return longText.slice(from, from + exchange.characters)
}

const candidateLeg: PlannedLeg = { arm: 'candidate', content_ab_p: 1, shadow_ab_p: 0.1, aa_p: 0 }
const secondLeg: PlannedLeg = { arm: 'baseline', content_ab_p: 0, shadow_ab_p: 0.1, aa_p: 0.1 }

export function idOf(number: number): string {
  return `${feedPrefix}${number}`
}

export function attemptOf(number: number, kind: RecordKind): string {
  return `${idOf(number)}-${kind}`
}

/** `nowMs` is the sending producer's own clock. */
export function requestOf(exchange: FeedExchange, place: Place, nowMs: number): Request {
  const id = idOf(exchange.number)
  const { liveArm, unit } = exchange
  return {
    ...request(id, liveArm),
    route: place.run,
    place,
    assignment_unit: unit,
    session: unit,
    arrived_at: nowMs,
    body: Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: textOf(exchange, 0) }] })),
  }
}

const failure = { resolution: 'failed', error_class: 'server_error', status: 500, finish_reason: null } as const

/** The plan as the shadow service writes it: a record of its own. */
export function planOf({ number, liveArm }: FeedExchange, place: Place, nowMs: number): ShadowPlan {
  const legs = liveArm === 'candidate' ? [] : number % 10 === 0 ? [candidateLeg, secondLeg] : [candidateLeg]
  return { exchange_id: idOf(number), place, legs, deadline_at: nowMs + 8_500 }
}

export function answerOf(exchange: FeedExchange, kind: AnswerKind, nowMs: number): Response {
  const id = idOf(exchange.number)
  const arm: Arm = kind === 'live' ? exchange.liveArm : kind === 'shadow' ? 'candidate' : 'baseline'
  const leg: Leg = kind === 'live' ? 'live' : 'shadow'
  const fails = exchange.fails && arm === 'candidate'
  return {
    ...response(id, arm, leg, fails ? '' : textOf(exchange, recordKinds.indexOf(kind))),
    ...(fails ? failure : {}),
    attempt_id: attemptOf(exchange.number, kind),
    started_at: nowMs - 120,
    first_token_at: nowMs - 100,
    ended_at: nowMs,
  }
}
