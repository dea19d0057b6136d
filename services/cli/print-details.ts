import type { Api } from '../api/api-types.ts'
import { formatDuration, formatWeight } from '../domain/policy/units-of-measure.ts'
import { metricsText } from './print-metrics.ts'
import { etaText, statusText, timeText, waveDecisionText } from './print-status.ts'

/** What a plan will ask for: units before each look, cost, and the chance of a false rollback. */
export function planText(plan: Api['PlanSummary']): string {
  const stages = plan.stages.map((stage) => {
    const whole = stage.wholePeriodMs === null ? '' : `, whole ${formatDuration(stage.wholePeriodMs)}`
    const wait =
      stage.minDurationMs === 0 ? 'no minimum time' : `at least ${formatDuration(stage.minDurationMs)}${whole}`
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
    ...budgetText(plan.budget),
    shadowText(plan),
    ...plan.deviations.map((deviation) => `  less than recommended: ${deviation}`),
  ].join('\n')
}

function budgetText({ falseAlarm, falsePromotion, falseClaim, miss, outside }: Api['ErrorBudget']): readonly string[] {
  const families = falseAlarm.families
    .filter(({ tests }) => tests.length > 0)
    .map(({ family, total, tests }) => `${family} ${percent(total)} in ${tests.length}`)
  return [
    `  chance of a false rollback over the whole run: at most ${percent(falseAlarm.total)} (of ${percent(falseAlarm.limit)}: ${families.join(', ')})`,
    `  chance of promoting an unacceptable candidate: at most ${percent(falsePromotion.alpha)} in all waves together${falsePromotion.waves === 'bonferroni' ? `, ${percent(falsePromotion.each)} in each of the waves side by side` : ''}`,
    ...(falseClaim === null
      ? []
      : [
          `  chance of calling a primary better which is not: at most ${percent(falseClaim.alpha)} over ${falseClaim.primaries === 1 ? 'the one primary' : `all ${falseClaim.primaries} primaries`}`,
        ]),
    `  chance of missing a harmless one: at most ${percent(miss.total)}, ${percent(miss.each)} for each of ${miss.metrics} metrics at ${miss.gates} gates`,
    `  outside of these: ${outside.join('; ')}`,
  ]
}

function percent(chance: number): string {
  return `${Number((chance * 100).toPrecision(2))} %`
}

function shadowText(plan: Api['PlanSummary']): string {
  if (plan.shadowCallsRequired === 0) return '  nothing is shadowed: no shadow calls, no cost'
  const usd = (plan.shadowCostMicroUsdMax / 1e6).toFixed(2)
  return `  shadow calls: at least ${plan.shadowCallsRequired} to reach 100 %, ${plan.shadowCallsAllLooks} with every last look; at most ${plan.shadowCallsMax} and $${usd}, then shadowing pauses`
}

const said: Readonly<Record<Api['RunStatus']['phase'], string>> = {
  draft: 'waits to start',
  shadow: 'is in shadow',
  canary: 'is in canary',
  bake: 'bakes at 100 %',
  completed: 'is COMPLETED',
  held: 'is HELD',
  review: 'WAITS FOR A PERSON',
  rolled_back: 'is ROLLED BACK',
  aborted: 'is ABORTED',
}

/**
 * Why a run stands where it stands, for somebody who was woken by it: the deciding reason first, then what to do, then the numbers, and only then how it
 * came about.
 */
export function explanationText(answer: Api['Explanation'], nowMs: number): string {
  const { status } = answer
  return [
    `${status.name} (${status.run}, route ${status.route}) ${said[status.phase]}: ${status.decisionReason}`,
    `what next: ${status.next}${etaText(status, nowMs)}`,
    ...servedText(status),
    '',
    ...saidText(answer, nowMs),
    '',
    statusText(status, nowMs),
    '',
    'decisions',
    ...(answer.decisions.length === 0 ? ['  none yet'] : answer.decisions.flatMap(decisionText)),
    ...(answer.acks.length === 0 ? [] : ['', 'routers', ...answer.acks.map((ack) => ackText(ack, nowMs))]),
  ].join('\n')
}

/** What matters most to who was woken: whether the candidate still answers anybody. */
function servedText({ candidateWeight, routers, phase }: Api['RunStatus']): readonly string[] {
  if (phase === 'completed' || phase === 'draft') return []
  const missing = routers.filter(({ acked }) => !acked).map(({ id }) => id)
  const told = missing.length === 0 ? 'all routers have applied it' : `NOT YET APPLIED by ${missing.join(', ')}`
  return [`traffic: the candidate is given ${formatWeight(candidateWeight)}; ${told}`]
}

/** Where several waves go their own ways, each with what stands and what its gate said of its present stage entry. */
function saidText({ verdict, verdicts, status }: Api['Explanation'], nowMs: number): readonly string[] {
  const going = status.waves.filter(({ decision }) => decision !== null)
  if (going.length < 2)
    return verdict === null
      ? ['no gate has spoken yet']
      : [...verdictText(verdict, status.gateAtMs, nowMs), ...instrumentText(verdict.instrument)]
  const waves = going.flatMap((wave) => {
    const said = verdicts.find((one) => one.wave === wave.id && one.stageEntry === wave.stageEntry)
    const lines = said === undefined ? ['no gate has spoken of it yet'] : verdictText(said.verdict, said.atMs, nowMs)
    return [waveText(wave), ...lines.map((line) => `  ${line}`)]
  })
  // The baseline against itself is of the run, whichever wave's verdict tells it.
  return [...waves, ...instrumentText(verdict?.instrument)]
}

function waveText(wave: Api['WaveStatus']): string {
  const asks = wave.awaitingApproval === null ? '' : `; WAITS FOR A PERSON (${wave.awaitingApproval})`
  const where = `stage ${wave.stage ?? '–'}, ${formatWeight(wave.candidateWeight)}`
  return `wave ${wave.id} (${where}): ${waveDecisionText(wave)}${asks}`
}

function verdictText(verdict: Api['Verdict'], atMs: number | null, nowMs: number): readonly string[] {
  const age = atMs === null ? '' : `, ${formatDuration(Math.max(0, nowMs - atMs))} ago`
  const metrics = metricsText(verdict.metrics)
  return [
    `the gate ${verdict.gate} last said${age}: ${verdict.outcome}: ${verdict.reason} [${verdict.reasonCode}]`,
    ...(metrics.length === 0 ? ['  it has no test to show'] : metrics.map((line) => `  ${line}`)),
    ...foundText(verdict.findings ?? []),
  ]
}

function instrumentText(instrument: Api['Verdict']['instrument']): readonly string[] {
  if (instrument === undefined || (instrument.audited === 0 && instrument.noise.length === 0)) return []
  const { audited, fired, noise } = instrument
  const share = (rate: number) => `${(rate * 100).toFixed(1)} %`
  return [
    `  baseline against itself: ${fired.length} of ${audited} tests fired${fired.length === 0 ? '' : ` (${fired.join(', ')})`}`,
    ...noise.map(({ metric, n, candidateRate, baselineRate, excess, low, high }) =>
      candidateRate === null || baselineRate === null
        ? `    ${metric}: ${excess.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}] beyond its own noise, n = ${n}`
        : `    ${metric}: candidate differs in ${share(candidateRate)}, the baseline from itself in ${share(baselineRate)}: excess ${share(excess)} [${share(low)}, ${share(high)}], n = ${n}`,
    ),
  ]
}

function foundText(findings: readonly Api['SliceFinding'][]): readonly string[] {
  if (findings.length === 0) return []
  return [
    '  searched slices that are worse (for a person to look at; they decide nothing)',
    ...findings.map(({ sentence }) => `    ${sentence}`),
  ]
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
