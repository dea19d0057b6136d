import type { Api } from '../api/api-types.ts'

type Metric = Api['MetricVerdict']

/** Worst first: what somebody must see stands at the top. */
const order: readonly Metric['state'][] = ['unacceptable', 'worse', 'unclear', 'better', 'acceptable', 'no_data']

/** The numbers behind a verdict: first the harm tests, then those that permit an advance; tests without data in one line. */
export function metricsText(metrics: readonly Metric[]): readonly string[] {
  const told = [...metrics]
    .filter((metric) => metric.n > 0)
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
  const silent = metrics.filter((metric) => metric.n === 0).map(nameOf)
  const harm = told.filter(isHarm)
  const advance = told.filter((metric) => !isHarm(metric))
  return [
    ...(harm.length === 0 ? [] : ['is it doing harm? (asked with every record; difference = candidate − baseline)']),
    ...table(harm.map((metric) => [...cells(metric), `n ${metric.n}`, evidence(metric)])),
    ...(advance.length === 0 ? [] : ['may it advance? (asked at planned looks, once enough units are in)']),
    ...table(advance.map((metric) => [...cells(metric), needed(metric), margin(metric) + carried(metric)])),
    ...claims(advance),
    ...advance.flatMap(driftLine),
    ...(silent.length === 0 ? [] : [`no data yet: ${[...new Set(silent)].join(', ')}`]),
    ...comparisons.flatMap(([comparison, meaning]) =>
      told.some((metric) => metric.comparison === comparison) ? [`${comparison}: ${meaning}`] : [],
    ),
  ]
}

const comparisons: readonly (readonly [Metric['comparison'], string])[] = [
  ['content_ab', "same request: the baseline's answer to the user against the candidate's shadow answer"],
  ['shadow_ab', 'same request: shadow answers of both'],
  ['live_ab', 'users of the baseline against users of the candidate'],
  ['aa', 'same request: the baseline against itself'],
]

function carried({ carried: pairs }: Metric): string {
  if (pairs === undefined) return ''
  return pairs.used ? `, with ${pairs.pairs} pairs of the shadow stage` : ', canary alone: the shadow stage differs'
}

/** What is said once, in the last stage: of each primary whether it may be called better. */
function claims(metrics: readonly Metric[]): readonly string[] {
  const rows = metrics.flatMap((metric): (readonly string[])[] => {
    const { superiority } = metric
    if (superiority === undefined) return []
    const { p, adjustedP, alpha, primaries, better } = superiority
    const over = primaries === 1 ? '' : `, ${adjustedP.toPrecision(2)} over ${primaries} primaries (Holm)`
    return [[nameOf(metric), better ? 'yes' : 'not proven', `p ${p.toPrecision(2)}${over}`, `needs ${short(alpha)}`]]
  })
  return rows.length === 0 ? [] : ['is it better? (primaries; asked once, in the last stage)', ...table(rows)]
}

/** Silent unless it has rung: an hour in which something changed is where to look first. */
function driftLine(metric: Metric): readonly string[] {
  const { drift } = metric
  if (drift?.alarmAtMs == null) return []
  const since = new Date(drift.alarmAtMs).toISOString().slice(0, 16)
  const now = `${drift.netNow < 0 ? '−' : '+'}${Math.abs(drift.netNow)}`
  return [
    `drift: ${nameOf(metric)} worse by ${since}Z (evidence ${short(drift.evidence)}, ${short(drift.threshold)} is reached once a year by chance; net ${now} in the newest hour)`,
  ]
}

function isHarm(metric: Metric): boolean {
  return metric.test.startsWith('harm/')
}

function nameOf({ metric, comparison, slice }: Metric): string {
  return `${metric} on ${comparison}${slice === null ? '' : ` in ${slice.key} = ${slice.value}`}`
}

function cells(metric: Metric): readonly string[] {
  const { intervalLow: low, intervalHigh: high, estimate } = metric
  const interval =
    low === null || high === null ? 'no interval yet' : `in [${signed(metric, low)}, ${signed(metric, high)}]`
  return [
    nameOf(metric),
    metric.state === 'no_data' ? 'no data' : metric.state,
    `candidate ${amount(metric, metric.candidateValue)}`,
    `baseline ${amount(metric, metric.baselineValue)}`,
    estimate === null ? 'no difference yet' : `difference ${signed(metric, estimate)}`,
    interval,
  ]
}

/** Against its threshold, in words: an e-value alone says nothing at three in the morning. */
function evidence({ eValue, eThreshold }: Metric): string {
  if (eValue === null || eThreshold === null) return ''
  return `evidence ${short(eValue)}, acts at ${short(eThreshold)}`
}

function needed(metric: Metric): string {
  const { n, nRequired, passed, looksSpent } = metric
  const units = nRequired === null ? `n ${n}` : `n ${n} of ${nRequired}`
  if (passed) return `${units}, passed`
  if (metric.eValue !== null) return `${units}, evidence ${short(metric.eValue)}`
  return looksSpent === 0 ? `${units}, first look to come` : `${units}, ${looksSpent} looks without a pass`
}

/** An advance test carries its margin where a harm test has its threshold. */
function margin(metric: Metric): string {
  return metric.eThreshold === null ? 'no margin before calibration' : `margin ${signed(metric, metric.eThreshold)}`
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}

const unitOf: Readonly<Record<string, (value: number) => string>> = {
  ms: (value) => `${value.toFixed(0)} ms`,
  usd: (value) => `$${(value / 1e6).toFixed(6)}`,
  tokens: (value) => `${value.toFixed(1)} tokens`,
  chars: (value) => `${value.toFixed(0)} characters`,
  score: (value) => value.toFixed(3),
}

function unit(metric: Metric): ((value: number) => string) | undefined {
  return unitOf[/_(ms|usd|tokens|chars|score)$/.exec(metric.metric)?.[1] ?? '']
}

function amount(metric: Metric, value: number | null): string {
  if (value === null) return '–'
  return unit(metric)?.(value) ?? `${(value * 100).toFixed(1)} %`
}

function signed(metric: Metric, value: number): string {
  const sign = value < 0 ? '−' : '+'
  const size = Math.abs(value)
  return sign + (unit(metric)?.(size) ?? `${(size * 100).toFixed(1)} points`)
}

function short(value: number): string {
  if (value >= 1e6) return value.toExponential(1)
  return value >= 10 ? String(Math.round(value)) : value.toPrecision(2)
}
