import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cast, eventually, watch } from './cast.ts'
import type { FaultKind } from './model-server.ts'
import { type Recording, shuffled } from './recordings.ts'
import { queryStore } from './store-client.ts'
import { startTraffic } from './traffic.ts'

export interface CanaryReport {
  readonly run: string
  readonly rolledBack: boolean
  readonly reason: string
  /** All in ms since the epoch; null when unknown. */
  readonly faultAtMs: number
  readonly breachAtMs: number | null
  readonly latchAtMs: number | null
  readonly ackAtMs: number | null
  readonly lastCandidateRequestAtMs: number | null
  readonly requestsSent: number
  readonly requestsFailed: number
  readonly requestsPerSecond: number
  readonly serviceCpuSeconds: number
}

const candidate = 'gpt-4-0314'
const quarter = 25_000

/** Act 2: a sound candidate passes shadow, ramps, begins to fail at 25 %, and is taken back. */
export async function playCanary(
  cast: Cast,
  recordings: readonly Recording[],
  fault: FaultKind,
): Promise<CanaryReport> {
  const { stage, api, installation } = cast
  stage.title(`Act 2: a sound candidate ramps, then fails (${fault})`)
  stage.say(
    '500 recorded arena prompts, baseline gpt-4-0613, candidate gpt-4-0314. Both are replayed at the same speed per token.',
  )
  const { run, plan } = await api.apply(readFileSync(new URL('./rollouts/canary.yaml', import.meta.url), 'utf8'), null)
  stage.note(`applied as ${run}; deviations from the recommended rules:`)
  for (const deviation of plan.deviations) stage.say(`            ${deviation}`)
  const cpuBefore = installation.cpuSeconds()
  const startedAtMs = Date.now()
  const traffic = startTraffic({
    url: installation.gatewayUrl,
    token: installation.tenantToken,
    route: 'chat',
    model: 'gpt-4-0613',
    recordings: shuffled(recordings, cast.seed),
    perSecond: cast.perSecond,
    repeat: true,
  })
  await watch(cast, run, traffic, 120, (status) => status.candidateWeight >= quarter)
  await delay(3_000)
  cast.model.setFault({ model: candidate, kind: fault })
  const faultAtMs = Date.now()
  stage.note(`from now on every answer of the candidate has a fault: ${fault}`)
  const end = await watch(cast, run, traffic, 60, (status) => status.phase === 'rolled_back')
  await delay(3_000)
  await traffic.stop()
  cast.model.setFault(null)
  const seconds = (Date.now() - startedAtMs) / 1000
  const times = await timesOf(cast, run)
  showTimeline(cast, faultAtMs, times)
  const { verdict } = await api.explain(run)
  stage.say('')
  stage.verdict(verdict)
  return {
    run,
    rolledBack: end.phase === 'rolled_back',
    reason: end.decisionReason,
    faultAtMs,
    ...times,
    requestsSent: traffic.counts.sent,
    requestsFailed: traffic.counts.failed,
    requestsPerSecond: traffic.counts.sent / seconds,
    serviceCpuSeconds: installation.cpuSeconds() - cpuBefore,
  }
}

interface Times {
  readonly breachAtMs: number | null
  readonly latchAtMs: number | null
  readonly ackAtMs: number | null
  readonly lastCandidateRequestAtMs: number | null
}

async function timesOf(cast: Cast, run: string): Promise<Times> {
  const sql = `SELECT toUnixTimestamp64Milli(max(at)) AS last_ms FROM legs WHERE run = '${run}' AND leg = 'request' AND arm = 'candidate' AND at > now() - INTERVAL 1 DAY`
  // The sink is about a second behind: the answer counts once it stays the same.
  let before = -1
  const last = await eventually(
    async () => Number((await queryStore(cast.installation.clickhouse, sql))[0]?.['last_ms'] ?? 0),
    (at) => {
      const settled = at > 0 && at === before
      before = at
      return settled
    },
  )
  // The run is rolled back before its routers have answered.
  const { lastRevert: revert } = await eventually(
    () => cast.api.status(run),
    ({ lastRevert }) => Object.keys(lastRevert?.routersMs ?? {}).length > 0,
  )
  return {
    breachAtMs: revert?.breachedAtMs ?? null,
    latchAtMs: revert?.latchWrittenAtMs ?? null,
    ackAtMs: Object.values(revert?.routersMs ?? {})[0] ?? null,
    lastCandidateRequestAtMs: last > 0 ? last : null,
  }
}

function showTimeline(cast: Cast, faultAtMs: number, times: Times): void {
  const row = (what: string, atMs: number | null) =>
    cast.stage.say(`  ${what.padEnd(28)} ${atMs === null ? 'unknown' : `+${((atMs - faultAtMs) / 1000).toFixed(3)} s`}`)
  cast.stage.say('\n  timeline, from the first faulty answer')
  row('breach seen by the gate', times.breachAtMs)
  row('latch written', times.latchAtMs)
  row('gateway acks the latch', times.ackAtMs)
  row('last candidate request', times.lastCandidateRequestAtMs)
}
