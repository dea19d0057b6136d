import type { ClickHouseStore } from '../../../services/platform/clickhouse/clickhouse-store.ts'
import { columns } from '../../../services/sink/rows.ts'

/** Traffic of four weeks up to a midnight; the number of pairs says how dense it is. */
export const days = 28
const dayMs = 86_400_000
export const routes = ['chat', 'search', 'code', 'mail'] as const
/** Runs follow each other on each route without a gap. */
const runsPerRoute = 5
const runMs = (days * dayMs) / runsPerRoute

/** One run: where it stands in time. */
export interface GeneratedRun {
  readonly id: string
  readonly route: string
  readonly fromMs: number
  readonly untilMs: number
  /** Of the evidence log. */
  readonly partition: number
}

export function generatedRuns(beginMs: number): readonly GeneratedRun[] {
  return routes.flatMap((route, place) =>
    Array.from({ length: runsPerRoute }, (_, index) => {
      const fromMs = beginMs + index * runMs
      return { id: `${route}-${index}`, route, fromMs, untilMs: fromMs + runMs, partition: (place + index) % 3 }
    }),
  )
}

const evidencePerPair = 3

/**
 * Columns that all rows of one exchange share, from `g`, its number, and `ms`, its time since the beginning. Every run is in shadow for its first quarter, in
 * a canary of 10 % for the second and of 50 % for the rest. Names and ids are hashes, as real ones are; 300 tenants and 300,000 people are as uneven as
 * a product of two draws makes them.
 */
function sharedOf(beginMs: number): string {
  return `
    sipHash64(g) AS h,
    lower(hex(sipHash128(g))) AS exchange_id,
    fromUnixTimestamp64Milli(toInt64(${beginMs} + ms), 'UTC') AS arrived,
    ['${routes.join("','")}'][1 + h % ${routes.length}] AS the_route,
    concat(the_route, '-', toString(intDiv(ms, ${runMs}))) AS the_run,
    intDiv((ms % ${runMs}) * 4, ${runMs}) AS quarter,
    ['shadow', 'canary-10', 'canary-50', 'canary-50'][1 + quarter] AS the_stage,
    [0, 10000, 50000, 50000][1 + quarter] AS the_weight,
    if(intDiv(h, 1000) % 100000 < the_weight, 'candidate', 'baseline') AS live_arm,
    concat('tenant-', toString(intDiv((h % 300) * (intDiv(h, 300) % 300), 300))) AS the_tenant,
    hex(intDiv((h % 300000) * (intDiv(h, 300000) % 300000), 300000)) AS the_unit,
    map('tier', ['free', 'pro', 'enterprise'][1 + intDiv(h, 7) % 3], 'region', ['eu', 'us', 'asia'][1 + intDiv(h, 21) % 3]) AS the_segments`
}

/** What one INSERT writes: pairs `from` up to `to` (exclusive) of a day, spread over it evenly. */
export interface Slice {
  readonly beginMs: number
  readonly day: number
  readonly from: number
  readonly to: number
  /** Keeps offsets apart from those of the slices that the same day got before. */
  readonly portion: number
}

/** Offsets follow time, with gaps. */
export const offsetsPerMs = 64
const offsetsPerPortion = 8

/** The slice's exchanges, each with its number, its time and the columns that its rows share. */
function exchangesOf({ beginMs, day, from, to, portion }: Slice): string {
  const pairs = to - from
  return `(
    SELECT *, ${sharedOf(beginMs)}
    FROM
    (
      SELECT toUInt64(${day * 100_000_000 + from}) + number AS g, ${day * dayMs} + intDiv(number * ${dayMs}, ${pairs}) AS ms,
        ms * ${offsetsPerMs} + ${portion * offsetsPerPortion} AS first_offset
      FROM numbers(${pairs})
    )
  )`
}

/** Requests, live and shadow answers are written as the sink writes them: answers carry nothing of the place. */
function legsSql(slice: Slice): readonly string[] {
  const insert = `INSERT INTO legs (${columns.legs.join(', ')})`
  const answer = (leg: string, k: number, arm: string) => `${insert}
    SELECT exchange_id, '${leg}', ${arm} AS arm, concat(substring(exchange_id, 1, 8), '${k}'), arrived + toIntervalMillisecond(${700 * k}),
      '', '', '', '', '', '', 0, 0, 0, '', map(), '', 'answered', '', 200, 400 + h % 900, 50 + h % 90, concat('model-', arm), 'replay',
      100 + h % 1000, 50 + h % 400, 20 + h % 300, 'stop', '', concat('${leg} answer ', toString(h % 10000)), 0, '', g % 6, first_offset + ${k}
    FROM ${exchangesOf(slice)}`
  return [
    `${insert}
    SELECT exchange_id, 'request', live_arm, '', arrived, the_route, the_tenant, 'chat.completions', the_run, 'all', the_stage, 1 + quarter, 7,
      the_weight, 'split', the_segments, the_unit, '', '', 0, 0, NULL, '', '', NULL, NULL, NULL, '', '',
      concat('prompt ', toString(h % 10000)), 0, 'full', g % 6, first_offset
    FROM ${exchangesOf(slice)}`,
    answer('live', 1, 'live_arm'),
    answer('shadow', 2, "if(live_arm = 'baseline', 'candidate', 'baseline')"),
  ]
}

/** Metrics as a usual plan has them; `salt` sets the arms apart: the candidate refuses more. */
const metricsOf = (entries: string) => `CAST(map(${entries}), 'Map(LowCardinality(String), Float64)')`
const contentOf = (salt: number) =>
  metricsOf(`'refusal', h % 100 < ${salt}, 'output_tokens', 50 + (h * ${salt}) % 400, 'input_tokens', 100 + h % 1000,
    'length_chars', 200 + (h * ${salt}) % 1600, 'differs_exact', 1, 'differs_normalised', h % 3 > 0`)
const fastOf = (salt: number) => metricsOf(`'fast_refusal', h % 100 < ${salt}`)
const live =
  metricsOf(`'error', h % 300 = 0, 'refusal', h % 100 = 1, 'latency_over_budget', h % 50 = 0, 'ttft_over_budget', h % 40 = 0,
    'abandoned', 0, 'latency_ms', 400 + h % 900, 'ttft_ms', 50 + h % 90, 'cost_micro_usd', 20 + h % 300`)
const none = "CAST(map(), 'Map(LowCardinality(String), Float64)')"

/** A live record and two comparisons, one of them at the fast horizon; one exchange in 500 is corrected once. */
function evidenceSql(slice: Slice): readonly string[] {
  const record = (
    k: number,
    comparison: string,
    horizonMs: number,
    arms: string,
    metrics: string,
  ) => `INSERT INTO evidence (${columns.evidence.join(', ')})
    SELECT lower(hex(sipHash128(g, ${k}))), version, exchange_id, the_run, 'all', the_stage, 1 + quarter, 7, the_weight, '${comparison}', 'pairing',
      ${horizonMs}, arrived, ${arms}, the_unit, the_unit, the_tenant, the_segments, if(h % 2 = 0, 1, 0.1), ${metrics},
      h % 200 = 0, intDiv(h, 9) % 12, 'all', (h % ${routes.length} + intDiv(ms, ${runMs})) % 3, first_offset + ${k} + ${evidencePerPair} * version
    FROM ${exchangesOf(slice)}
    ARRAY JOIN if(g % 500 = 0, [0, 1], [0]) AS version`
  const isBaseline = "live_arm = 'baseline'"
  const liveArms = `live_arm, if(${isBaseline}, 'answered', ''), if(${isBaseline}, '', 'answered')`
  const liveMetrics = `if(${isBaseline}, ${live} AS values, ${none}), if(${isBaseline}, ${none}, values)`
  const both = "'', 'answered', 'answered'"
  return [
    record(0, 'live_ab', 60_000, liveArms, liveMetrics),
    record(1, 'content_ab', 5_000, both, `${fastOf(1)}, ${fastOf(3)}`),
    record(2, 'content_ab', 60_000, both, `${contentOf(1)}, ${contentOf(3)}`),
  ]
}

/** Every run but the last of each route ends with a rollback; three routers say every minute what they have applied. */
function controlSql(beginMs: number): readonly string[] {
  const decisions = generatedRuns(beginMs)
    .filter((run) => !run.id.endsWith(`-${runsPerRoute - 1}`))
    .map(({ id, untilMs }) => {
      const breachedMs = untilMs - 3_600_000
      const times = `map('breached_at', ${breachedMs}, 'latch_written_at', ${breachedMs + 100})`
      return `('d-${id}', '${id}', 'all', 4, 'canary', 'rolled_back', 'gate-1', 'refusal over margin', '{}', ${times}, fromUnixTimestamp64Milli(${breachedMs + 300}, 'UTC'))`
    })
  return [
    `INSERT INTO decisions (${columns.decisions.join(', ')}) VALUES ${decisions.join(', ')}`,
    `INSERT INTO acks (${columns.acks.join(', ')})
      SELECT concat('gateway-', toString(number % 3)), ['${routes.join("','")}'][1 + intDiv(number, 3) % ${routes.length}], 7, ['latch-1'], 'live', 'applied', '', NULL,
        fromUnixTimestamp64Milli(toInt64(${beginMs} + intDiv(number, ${3 * routes.length}) * 60000), 'UTC') AS applied_at, applied_at
      FROM numbers(${days * 1_440 * 3 * routes.length})`,
  ]
}

/** Adds pairs until there are `to`, day after day as the sink would; `from` are there already. */
export async function generate(
  store: Pick<ClickHouseStore, 'command'>,
  of: { readonly beginMs: number; readonly from: number; readonly to: number; readonly portion: number },
): Promise<void> {
  const { beginMs, portion } = of
  if (portion === 0) for (const sql of controlSql(beginMs)) await store.command(sql)
  const [from, to] = [Math.round(of.from / days), Math.round(of.to / days)]
  const loadDay = async (day: number) => {
    const slice = { beginMs, day, from, to, portion }
    // Each is one thread's work.
    await Promise.all(
      [legsSql(slice), evidenceSql(slice)].map(async (statements) => {
        for (const sql of statements) await store.command(sql)
      }),
    )
  }
  for (let day = 0; day < days; day += 1) await loadDay(day)
}
