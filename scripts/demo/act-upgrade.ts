import { readFileSync } from 'node:fs'
import type { GoldenEntry, GoldenRule } from '../../services/domain/rollout/spec.ts'
import { lastMatch } from '../../services/domain/scoring/golden.ts'
import { type Cast, eventually, watch } from './cast.ts'
import { promptHash, type Recording, shuffled } from './recordings.ts'
import { startTraffic } from './traffic.ts'

export interface UpgradeReport {
  readonly run: string
  readonly stopped: boolean
  readonly reason: string
  readonly pairsUntilStopped: number | null
  readonly secondsUntilStopped: number
  readonly requestsSent: number
  readonly requestsFailed: number
  readonly requestsPerSecond: number
  readonly serviceCpuSeconds: number
}

const yesOrNo: GoldenRule & { kind: 'last_match' } = {
  kind: 'last_match',
  pattern: '\\b(yes|no)\\b',
  flags: 'i',
  fold: true,
}
const boxed: GoldenRule & { kind: 'last_match' } = {
  kind: 'last_match',
  pattern: 'boxed\\{([^}]*)\\}',
  flags: '',
  fold: false,
}

/** The expected answers of both recorded tasks, matched by the prompt. */
export function goldenEntries(recordings: readonly Recording[]): readonly GoldenEntry[] {
  return recordings.map((recording) => {
    const rule = recording.task === 'prime' ? yesOrNo : boxed
    const expected = lastMatch(rule, recording.reference ?? '')
    if (expected === null) throw new Error(`${recording.id}: the reference does not fit its own rule`)
    return { ref: recording.id, promptHash: promptHash(recording.prompt), expected, rule }
  })
}

/** Act 1: a recorded upgrade, faster and cheaper and wrong, that the shadow stage stops. */
export async function playUpgrade(cast: Cast, recordings: readonly Recording[]): Promise<UpgradeReport> {
  const { stage, api, installation } = cast
  stage.title('Act 1: the recorded upgrade gpt-4-0314 → gpt-4-0613, in shadow')
  stage.say(
    '1,500 recorded prompts of two tasks with known answers. Latencies are the recorded ones divided by 50; times to first token are made up (15 % of them).',
  )
  stage.say(
    'The recording holds one answer per model and prompt, so the baseline never differs from itself here: the noise floor is zero.',
  )
  const text = readFileSync(new URL('./rollouts/upgrade.yaml', import.meta.url), 'utf8')
  const { run, plan } = await api.apply(text, goldenEntries(recordings))
  stage.note(`applied as ${run}; deviations from the recommended rules:`)
  for (const deviation of plan.deviations) stage.say(`            ${deviation}`)
  const cpuBefore = installation.cpuSeconds()
  const startedAtMs = Date.now()
  const traffic = startTraffic({
    url: installation.gatewayUrl,
    token: installation.tenantToken,
    route: 'arithmetic',
    model: 'gpt-4-0314',
    recordings: shuffled(recordings, cast.seed),
    perSecond: cast.perSecond,
    repeat: false,
  })
  const end = await watch(
    cast,
    run,
    traffic,
    60,
    (status) => status.phase === 'rolled_back' || status.phase === 'canary',
  )
  const seconds = (Date.now() - startedAtMs) / 1000
  await traffic.stop()
  const { verdict } = await eventually(
    () => api.explain(run),
    (answer) => answer.verdict?.metrics.some((metric) => metric.metric === 'golden_wrong' && metric.n > 0) ?? false,
  )
  const decisive = verdict?.metrics.find((metric) => metric.state === 'unacceptable') ?? null
  stage.say('')
  stage.verdict(verdict)
  if (decisive?.table != null) {
    const { both, onlyCandidate, onlyBaseline, neither } = decisive.table
    stage.say(
      `\n  ${decisive.metric}, paired: both wrong ${both}, only the candidate ${onlyCandidate}, only the baseline ${onlyBaseline}, neither ${neither}`,
    )
  }
  await showPairs(cast, run)
  return {
    run,
    stopped: end.phase === 'rolled_back',
    reason: end.decisionReason,
    pairsUntilStopped: decisive?.n ?? null,
    secondsUntilStopped: seconds,
    requestsSent: traffic.counts.sent,
    requestsFailed: traffic.counts.failed,
    requestsPerSecond: traffic.counts.sent / seconds,
    serviceCpuSeconds: installation.cpuSeconds() - cpuBefore,
  }
}

/** Two of the pairs that decided, side by side, out of the store. */
async function showPairs(cast: Cast, run: string): Promise<void> {
  const pairs = await eventually(
    () => cast.api.pairs(run, 'worse=golden_wrong&limit=2'),
    (found) => found.length > 0,
  )
  for (const pair of pairs) {
    cast.stage.say(`\n  ${lastMessage(pair['prompt']).replace(/\s+/g, ' ').slice(0, 130)}`)
    cast.stage.say(`    baseline  (${String(pair['baseline_ms'])} ms): …${lastLine(pair['baseline_output'])}`)
    cast.stage.say(`    candidate (${String(pair['candidate_ms'])} ms): …${lastLine(pair['candidate_output'])}`)
  }
}

/** The text of the last message of a kept request. */
function lastMessage(prompt: unknown): string {
  const { messages } = JSON.parse(String(prompt)) as { readonly messages: readonly { readonly content: string }[] }
  return messages.at(-1)?.content ?? ''
}

function lastLine(output: unknown): string {
  return String(output).trim().split('\n').at(-1)?.slice(-100) ?? ''
}
