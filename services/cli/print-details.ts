import type { Api } from '../api/api-types.ts'
import { formatDuration, formatWeight } from '../domain/policy/units-of-measure.ts'
import { statusText, timeText } from './print-status.ts'

/** What a plan will ask for: units before each look, cost, and the chance of a false rollback. */
export function planText(plan: Api['PlanSummary']): string {
  const stages = plan.stages.map((stage) => {
    const wait = stage.minDurationMs === 0 ? 'no minimum time' : `at least ${formatDuration(stage.minDurationMs)}`
    const units =
      stage.decidedBy === null
        ? 'ends by time without a breach'
        : `${stage.pairsRequired} units before the first look (${stage.decidedBy})`
    return [
      `  ${`${stage.wave}/${stage.stage}`.padEnd(26)} ${formatWeight(stage.candidateWeight).padStart(7)}`,
      wait.padEnd(18),
      units + (stage.approval === 'manual' ? ', then approval by a person' : ''),
    ].join('  ')
  })
  return [
    `plan ${plan.hash.slice(0, 12)}`,
    ...stages,
    `  chance of a false rollback over the whole run: at most ${(plan.errorBudget * 100).toFixed(1)} %`,
    shadowText(plan),
    ...plan.deviations.map((deviation) => `  less than recommended: ${deviation}`),
  ].join('\n')
}

function shadowText(plan: Api['PlanSummary']): string {
  if (plan.shadowCallsRequired === 0) return '  nothing is shadowed: no shadow calls, no cost'
  const usd = (plan.shadowCostMicroUsdMax / 1e6).toFixed(2)
  return `  shadow calls: at least ${plan.shadowCallsRequired} to reach 100 %; at most ${plan.shadowCallsMax} and $${usd}, then shadowing pauses`
}

/** Why a run stands where it stands: status, each decision with its numbers, the gate's tests. */
export function explanationText(answer: Api['Explanation'], nowMs: number): string {
  const { verdict } = answer
  return [
    statusText(answer.status, nowMs),
    '',
    'decisions',
    ...(answer.decisions.length === 0 ? ['  none yet'] : answer.decisions.flatMap(decisionText)),
    ...(answer.acks.length === 0 ? [] : ['', 'routers', ...answer.acks.map((ack) => ackText(ack, nowMs))]),
    ...(verdict === null
      ? ['', 'no gate has spoken yet']
      : [
          '',
          `the gate ${verdict.gate} last said: ${verdict.reason} [${verdict.reasonCode}]`,
          metricsText(verdict.metrics),
        ]),
  ].join('\n')
}

interface Analysis {
  readonly planHash?: string
  readonly override?: boolean
  readonly refused?: boolean
  readonly verdict?: { readonly n?: number; readonly evidenceOffsets?: Readonly<Record<string, number>> } | null
}

function decisionText(decision: Api['Decision']): readonly string[] {
  const analysis = analysisOf(decision.analysis)
  const marks = [
    ...(analysis.refused === true ? ['REFUSED'] : []),
    ...(analysis.override === true ? ['OVERRIDE'] : []),
    ...(analysis.verdict?.n === undefined ? [] : [`${analysis.verdict.n} units`]),
    ...(analysis.verdict?.evidenceOffsets === undefined
      ? []
      : [
          `evidence up to ${Object.entries(analysis.verdict.evidenceOffsets)
            .map(([partition, offset]) => `${partition}:${offset}`)
            .join(' ')}`,
        ]),
    ...(analysis.planHash === undefined ? [] : [`plan ${analysis.planHash.slice(0, 12)}`]),
  ]
  const moved =
    decision.from_phase === decision.to_phase ? decision.to_phase : `${decision.from_phase} → ${decision.to_phase}`
  return [
    `  ${timeText(decision.at)}  ${moved}  by ${decision.by}: ${decision.reason}`,
    ...(marks.length === 0 ? [] : [`      ${marks.join(', ')}`]),
  ]
}

function analysisOf(text: string): Analysis {
  try {
    return JSON.parse(text) as Analysis
  } catch {
    return {}
  }
}

function ackText(ack: Api['Ack'], nowMs: number): string {
  const share = ack.observed_candidate_share
  return [
    `  ${ack.router}: ${ack.outcome} epoch ${ack.epoch}${ack.code === null ? '' : ` (${ack.code})`}`,
    `lease ${ack.lease}`,
    ack.brakes.length === 0 ? 'no brakes' : `brakes ${ack.brakes.join(', ')}`,
    ...(share === null ? [] : [`candidate got ${(share * 100).toFixed(1)} %`]),
    `said ${formatDuration(Math.max(0, nowMs - ack.sent_at))} ago`,
  ].join(', ')
}

const percent = (value: number | null) => (value === null ? '–' : `${(value * 100).toFixed(2)} %`)

/** The numbers behind a verdict, one line per test with data. */
function metricsText(metrics: readonly Api['MetricVerdict'][]): string {
  const told = metrics.filter((metric) => metric.n > 0)
  if (told.length === 0) return '  no test has data yet'
  return told
    .map((metric) => {
      const isRate = !/_(ms|usd|tokens|chars)$/.test(metric.metric)
      const value = (number: number | null) => (isRate || number === null ? percent(number) : number.toFixed(1))
      const interval =
        metric.intervalLow === null || metric.intervalHigh === null
          ? ''
          : `  difference in [${value(metric.intervalLow)}, ${value(metric.intervalHigh)}]`
      const e =
        metric.eValue === null
          ? ''
          : `  e ${metric.eValue.toPrecision(3)}, acts at ${metric.eThreshold?.toPrecision(3) ?? '–'}`
      const looks =
        metric.nRequired === null
          ? ''
          : `  ${metric.passed ? 'passed' : `look ${metric.looksSpent}`}, needs ${metric.nRequired}`
      return `  ${metric.test.padEnd(50)} ${metric.state.padEnd(13)} n ${metric.n}  baseline ${value(metric.baselineValue)}  candidate ${value(metric.candidateValue)}${interval}${e}${looks}`
    })
    .join('\n')
}

const lineCharactersMax = 200

/** Both answers to one request and the metrics in which they differ. */
export function pairText(pair: Api['Pair']): string {
  const differs = Object.keys({ ...pair.baseline_metrics, ...pair.candidate_metrics })
    .filter((name) => pair.baseline_metrics[name] !== pair.candidate_metrics[name])
    .map((name) => `${name} ${pair.baseline_metrics[name] ?? '–'} → ${pair.candidate_metrics[name] ?? '–'}`)
  return [
    `${pair.exchange_id}  ${pair.arrived_at}  wave ${pair.wave}, stage ${pair.stage}`,
    `  prompt     ${oneLine(pair.prompt)}`,
    `  baseline   ${oneLine(pair.baseline_output)}`,
    `  candidate  ${oneLine(pair.candidate_output)}`,
    ...(differs.length === 0 ? [] : [`  differs    ${differs.join(', ')}`]),
  ].join('\n')
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > lineCharactersMax ? `${line.slice(0, lineCharactersMax)}…` : line
}
