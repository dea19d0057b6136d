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

/** Rows that one pair is written as. */
export const legsPerPair = 3
export const evidencePerPair = 3

/**
 * Columns that all rows of one exchange share, from `g`, its number, and `ms`, its time since the beginning. Every run is in shadow for its first quarter, in
 * a canary of 10 % for the second and of 50 % for the rest. Names and ids are hashes, as real ones are; 300 tenants and 300,000 people are as uneven as
 * a product of two draws makes them.
 */
function exchangeOf(beginMs: number): string {
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

/** Numbers of rows of a slice, `rowsPerPair` each, with the exchange's number and time. */
function numbered({ day, from, to, portion }: Slice, rowsPerPair: number): string {
  const pairs = to - from
  return `
    number % ${rowsPerPair} AS k,
    intDiv(number, ${rowsPerPair}) AS j,
    toUInt64(${day * 100_000_000 + from}) + j AS g,
    ${day * dayMs} + intDiv(j * ${dayMs}, ${pairs}) AS ms,
    ms * ${offsetsPerMs} + ${portion * offsetsPerPortion} + k AS offset`
}

function legsSql(slice: Slice): string {
  return `INSERT INTO legs (${columns.legs.join(', ')}) SELECT
    exchange_id, ['request', 'live', 'shadow'][1 + k], if(k = 2, if(live_arm = 'baseline', 'candidate', 'baseline'), live_arm) AS arm,
    if(k = 0, '', concat(substring(exchange_id, 1, 8), toString(k))), arrived + toIntervalMillisecond(k * 700),
    if(k = 0, the_route, ''), if(k = 0, the_tenant, ''), if(k = 0, 'chat.completions', ''), if(k = 0, the_run, ''), if(k = 0, 'all', ''),
    if(k = 0, the_stage, ''), if(k = 0, 1 + quarter, 0), if(k = 0, 7, 0), if(k = 0, the_weight, 0), if(k = 0, 'split', ''),
    if(k = 0, the_segments, map()), if(k = 0, the_unit, ''), if(k = 0, '', 'answered'), '', if(k = 0, 0, 200), if(k = 0, 0, 400 + h % 900),
    if(k = 0, NULL, 50 + h % 90), if(k = 0, '', concat('model-', arm)), if(k = 0, '', 'replay'), if(k = 0, NULL, 100 + h % 1000),
    if(k = 0, NULL, 50 + h % 400), if(k = 0, NULL, 20 + h % 300), if(k = 0, '', 'stop'), '',
    concat(['prompt ', 'answer ', 'other answer '][1 + k], toString(h % 10000)), 0, if(k = 0, 'full', ''), g % 6, offset
  FROM (SELECT ${numbered(slice, legsPerPair)}, ${exchangeOf(slice.beginMs)} FROM numbers(${(slice.to - slice.from) * legsPerPair}))`
}

/** Metrics as a usual plan has them; `salt` sets the arms apart: the candidate refuses more. */
const metricsOf = (entries: string) => `CAST(map(${entries}), 'Map(LowCardinality(String), Float64)')`
const content = (salt: number) =>
  metricsOf(`'refusal', h % 100 < ${salt}, 'output_tokens', 50 + (h * ${salt}) % 400, 'input_tokens', 100 + h % 1000,
    'length_chars', 200 + (h * ${salt}) % 1600, 'differs_exact', 1, 'differs_normalised', h % 3 > 0`)
const fast = (salt: number) => metricsOf(`'fast_refusal', h % 100 < ${salt}`)
const live =
  metricsOf(`'error', h % 300 = 0, 'refusal', h % 100 = 1, 'latency_over_budget', h % 50 = 0, 'ttft_over_budget', h % 40 = 0,
    'abandoned', 0, 'latency_ms', 400 + h % 900, 'ttft_ms', 50 + h % 90, 'cost_micro_usd', 20 + h % 300`)
const none = "CAST(map(), 'Map(LowCardinality(String), Float64)')"

/** A live record and two comparisons, one of them at the fast horizon; one exchange in 500 is corrected once. */
function evidenceSql(slice: Slice): string {
  return `INSERT INTO evidence (${columns.evidence.join(', ')}) SELECT
    lower(hex(sipHash128(g, k))), version, exchange_id, the_run, 'all', the_stage, 1 + quarter, 7, the_weight,
    if(k = 0, 'live_ab', 'content_ab'), 'pairing', if(k = 1, 5000, 60000), arrived, if(k = 0, live_arm, ''),
    if(k = 0 AND live_arm = 'candidate', '', 'answered'), if(k = 0 AND live_arm = 'baseline', '', 'answered'), the_unit, the_unit, the_tenant,
    the_segments, if(h % 2 = 0, 1, 0.1),
    multiIf(k = 2, ${content(1)}, k = 1, ${fast(1)}, live_arm = 'baseline', ${live}, ${none}),
    multiIf(k = 2, ${content(3)}, k = 1, ${fast(3)}, live_arm = 'candidate', ${live}, ${none}),
    h % 200 = 0, intDiv(h, 9) % 12, 'all', (h % ${routes.length} + intDiv(ms, ${runMs})) % 3, offset + ${evidencePerPair} * version
  FROM
  (
    SELECT *, arrayJoin(if(g % 500 = 0, [0, 1], [0])) AS version
    FROM (SELECT ${numbered(slice, evidencePerPair)}, ${exchangeOf(slice.beginMs)} FROM numbers(${(slice.to - slice.from) * evidencePerPair}))
  )`
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
    await Promise.all([store.command(legsSql(slice)), store.command(evidenceSql(slice))])
  }
  for (let day = 0; day < days; day += 1) await loadDay(day)
}
