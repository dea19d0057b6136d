import type { Api } from '../api/api-types.ts'
import { formatDuration, formatWeight } from '../domain/policy/units-of-measure.ts'

type RunStatus = Api['RunStatus']

const marks = { done: '✔', current: '●', waiting: '○' } as const

/** One run as a tree: where, why, what next. */
export function statusText(status: RunStatus, nowMs: number): string {
  const age = formatDuration(Math.max(0, nowMs - status.sinceMs))
  const stage = status.stage === null ? '' : ` (stage ${status.stage})`
  return [
    `${status.run}  route ${status.route}  attempt ${status.attempt}`,
    `  phase     ${status.phase}${stage} for ${age}, candidate at ${formatWeight(status.candidateWeight)}`,
    `  decision  ${status.decision}: ${status.decisionReason} [${status.decisionCode}]`,
    ...evidenceText(status, nowMs),
    ...findingsText(status),
    `  next      ${status.next}${etaText(status, nowMs)}`,
    ...brakesText(status),
    ...(status.lastRevert === null ? [] : revertText(status)),
    `  routers   ${status.routers.map(({ id, acked }) => `${id} ${acked ? '✔' : 'has not acked'}`).join(', ')}  (epoch ${status.epoch})`,
    ...status.overrides.map(
      (override) =>
        `  override  ${timeText(override.atMs)} by ${override.by}, outside the error budget: ${override.reason}`,
    ),
    ...wavesText(status),
  ].join('\n')
}

/** All runs, one line each. */
export function listText(runs: readonly RunStatus[], nowMs: number): string {
  if (runs.length === 0) return 'no runs; start one with `penstock apply <file>`'
  const rows = runs.map((status) => [
    status.run,
    status.route,
    status.phase,
    status.stage ?? '–',
    formatWeight(status.candidateWeight),
    formatDuration(Math.max(0, nowMs - status.sinceMs)),
    status.decisionReason,
  ])
  const table = [['RUN', 'ROUTE', 'PHASE', 'STAGE', 'WEIGHT', 'FOR', 'WHY'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The times of the last revert, each from the breach on. */
export function revertText({ lastRevert }: RunStatus): readonly string[] {
  if (lastRevert === null) return []
  const { breachedAtMs, latchWrittenAtMs, seenAtMs, routersMs, by, latch } = lastRevert
  const from = breachedAtMs ?? seenAtMs
  const after = (atMs: number) => `${atMs < from ? '−' : '+'}${(Math.abs(atMs - from) / 1000).toFixed(3)} s`
  const routers = Object.entries(routersMs).map(([router, atMs]) => `${router} ${after(atMs)}`)
  const steps = [
    ...(latchWrittenAtMs === null ? [] : [`latch written ${after(latchWrittenAtMs)}`]),
    `taken back by the controller ${after(seenAtMs)}`,
    routers.length === 0 ? 'no router has said yet when it applied it' : `applied by ${routers.join(', ')}`,
  ]
  return [
    `  revert    ${timeText(from)} ${breachedAtMs === null ? 'decided' : 'breach seen'} by ${by}${latch === null ? '' : ` (latch ${latch})`}`,
    `            ${steps.join('; ')}`,
  ]
}

export function timeText(atMs: number): string {
  return new Date(atMs).toISOString()
}

function evidenceText(status: RunStatus, nowMs: number): readonly string[] {
  if (status.gateAtMs === null) return ['  evidence  no gate has spoken about this stage yet']
  const said = formatDuration(Math.max(0, nowMs - status.gateAtMs))
  const required = status.nRequired === null ? '' : ` of ${status.nRequired}`
  return [`  evidence  ${status.n ?? 0}${required} units; the gate spoke ${said} ago`]
}

/** The likeliest of what the search found; `explain` tells all. */
function findingsText({ findings }: RunStatus): readonly string[] {
  const [first] = findings
  if (first === undefined) return []
  const more = findings.length === 1 ? '' : ` (and ${findings.length - 1} more)`
  return [`  found     ${first.sentence}${more}; for a person to look at, it decides nothing`]
}

/** When the next step is expected; empty when nobody knows. */
export function etaText({ etaAtMs }: Pick<RunStatus, 'etaAtMs'>, nowMs: number): string {
  if (etaAtMs === null) return ''
  return etaAtMs <= nowMs ? '; due now' : `; expected in ${formatDuration(etaAtMs - nowMs)}`
}

function brakesText(status: RunStatus): readonly string[] {
  const { kills, openLatches, awaitingApproval, awaitingWave, parked, run, route } = status
  const asking = awaitingWave === null ? '' : ` in wave ${awaitingWave}`
  return [
    ...(kills.length === 0 ? [] : [`  KILLED    by ${kills.join(', ')}; penstock release '${route}' ends it`]),
    ...(openLatches.length === 0
      ? []
      : [`  LATCHED   by ${openLatches.join(', ')}; penstock release ${run} --latch takes the run up again`]),
    ...(parked ? ['  PARKED    at 0 until a person resumes'] : []),
    ...(awaitingApproval === null ? [] : [`  WAITING   for a person${asking} (${awaitingApproval})`]),
  ]
}

/** What stands for one wave. */
export function waveDecisionText({ decision, decisionCode, decisionReason, n, nRequired }: Api['WaveStatus']): string {
  const required = nRequired === null ? '' : ` of ${nRequired}`
  const units = n === null ? '' : `, ${n}${required} units`
  return `${decision}${units}: ${decisionReason} [${decisionCode}]`
}

/** Each wave with its stages; where several go their own ways, each with what its gate says. */
function wavesText({ waves }: RunStatus): readonly string[] {
  const many = waves.filter(({ decision }) => decision !== null).length > 1
  return waves.flatMap((wave) => [
    `  wave ${wave.id} (${wave.status})`,
    ...(many && wave.decision !== null ? [`    ${waveDecisionText(wave)}`] : []),
    ...wave.stages.map(
      (stage) => `    ${marks[stage.mark]} ${stage.name.padEnd(14)} ${formatWeight(stage.candidateWeight)}`,
    ),
  ])
}
