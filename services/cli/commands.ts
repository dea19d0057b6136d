import { setTimeout as delay } from 'node:timers/promises'
import type { Decision } from '../domain/events/records.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import type { PlanSummary } from '../domain/policy/plan-summary.ts'
import type { RunStatus } from '../domain/rollout/status.ts'
import { callApi } from './api-client.ts'
import type { CliConfig } from './config.ts'
import { lintRollout } from './lint-rollout.ts'
import { metricsText, planText, statusText } from './print.ts'

/** Exit codes: 0 advanced or done, 1 failed or rolled back, 2 usage or configuration, 3 held or waiting for a person. */
export type ExitCode = 0 | 1 | 2 | 3

export interface Output {
  print(text: string): void
  fail(text: string): void
  readonly json: boolean
}

export function lint(path: string, output: Output): ExitCode {
  const linted = lintRollout(path)
  if (linted.kind === 'problems') {
    for (const problem of linted.problems) output.fail(problem)
    return 1
  }
  output.print(output.json ? JSON.stringify(linted.plan) : planText(linted.plan))
  return 0
}

export async function apply(
  config: CliConfig,
  path: string,
  reason: string | undefined,
  output: Output,
): Promise<ExitCode> {
  const linted = lintRollout(path)
  if (linted.kind === 'problems') {
    for (const problem of linted.problems) output.fail(problem)
    return 1
  }
  const answer = await callApi<{ readonly run: string; readonly created: boolean; readonly plan: PlanSummary }>(
    config,
    '/v1/runs',
    { text: linted.text, golden: linted.golden, reason },
  )
  output.print(
    output.json
      ? JSON.stringify(answer)
      : `${answer.created ? 'applied as' : 'already running as'} ${answer.run}\n${planText(answer.plan)}`,
  )
  return 0
}

export async function get(
  config: CliConfig,
  run: string | undefined,
  watching: boolean,
  output: Output,
): Promise<ExitCode> {
  for (;;) {
    const runs =
      run === undefined
        ? (await callApi<{ readonly runs: readonly RunStatus[] }>(config, '/v1/runs')).runs
        : [await callApi<RunStatus>(config, `/v1/runs/${encodeURIComponent(run)}`)]
    output.print(
      output.json
        ? JSON.stringify(runs)
        : runs.length === 0
          ? 'no runs'
          : runs.map((status) => statusText(status, Date.now())).join('\n\n'),
    )
    if (!watching || runs.every(isOver)) return 0
    await delay(2_000)
  }
}

/** Waits for the end, or for the point at which a person is needed. */
export async function wait(config: CliConfig, run: string, timeoutS: number, output: Output): Promise<ExitCode> {
  const endMs = performance.now() + timeoutS * 1000
  for (;;) {
    const status = await callApi<RunStatus>(config, `/v1/runs/${encodeURIComponent(run)}`)
    const late = performance.now() > endMs
    if (isOver(status) || status.phase === 'held' || status.phase === 'review' || late) {
      output.print(output.json ? JSON.stringify(status) : statusText(status, Date.now()))
      return status.phase === 'completed' ? 0 : isOver(status) ? 1 : 3
    }
    await delay(1_000)
  }
}

function isOver(status: RunStatus): boolean {
  return status.phase === 'completed' || status.phase === 'rolled_back' || status.phase === 'aborted'
}

export async function command(
  config: CliConfig,
  run: string,
  kind: string,
  options: { readonly reason?: string; readonly full?: boolean; readonly latch?: string },
  output: Output,
): Promise<ExitCode> {
  const answer = await callApi<{ readonly decision: Decision; readonly status: RunStatus }>(
    config,
    `/v1/runs/${encodeURIComponent(run)}/commands`,
    { kind, ...options },
  )
  output.print(
    output.json
      ? JSON.stringify(answer)
      : `${answer.decision.from_phase} → ${answer.decision.to_phase}: ${answer.decision.reason}`,
  )
  return 0
}

export async function routeCommand(
  config: CliConfig,
  route: string,
  kind: 'kill' | 'release',
  reason: string,
  output: Output,
): Promise<ExitCode> {
  const answer = await callApi<{ readonly kill?: string; readonly released?: readonly string[] }>(
    config,
    `/v1/routes/${encodeURIComponent(route)}/${kind}`,
    { reason },
  )
  output.print(
    output.json
      ? JSON.stringify(answer)
      : kind === 'kill'
        ? `killed: the candidate of ${route} gets nothing (${answer.kill ?? ''})`
        : `released ${(answer.released ?? []).join(', ')}; resume the run to go on`,
  )
  return 0
}

export async function explain(config: CliConfig, run: string, output: Output): Promise<ExitCode> {
  const answer = await callApi<{
    readonly status: RunStatus
    readonly verdict: Verdict | null
    readonly decisions: readonly Decision[]
    readonly plan: PlanSummary
  }>(config, `/v1/runs/${encodeURIComponent(run)}/explain`)
  if (output.json) {
    output.print(JSON.stringify(answer))
    return 0
  }
  output.print(statusText(answer.status, Date.now()))
  for (const decision of answer.decisions)
    output.print(
      `  ${new Date(decision.at).toISOString()}  ${decision.from_phase} → ${decision.to_phase}  by ${decision.by}: ${decision.reason}`,
    )
  if (answer.verdict !== null)
    output.print(`\nthe gate's last word: ${answer.verdict.reason}\n${metricsText(answer.verdict.metrics)}`)
  return 0
}

export async function pairs(
  config: CliConfig,
  run: string,
  options: { readonly worse?: string; readonly limit?: string },
  output: Output,
): Promise<ExitCode> {
  const query = new URLSearchParams(
    Object.entries(options).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
  const answer = await callApi<{ readonly pairs: readonly Readonly<Record<string, unknown>>[] }>(
    config,
    `/v1/runs/${encodeURIComponent(run)}/pairs?${query.toString()}`,
  )
  for (const pair of answer.pairs) {
    if (output.json) output.print(JSON.stringify(pair))
    else
      output.print(
        `${String(pair['exchange_id'])}  ${String(pair['stage'])}\n  prompt     ${oneLine(pair['prompt'])}\n  baseline   ${oneLine(pair['baseline_output'])}\n  candidate  ${oneLine(pair['candidate_output'])}`,
      )
  }
  return 0
}

/** Prompts and answers are data: control characters must not reach the terminal. */
function oneLine(value: unknown): string {
  return String(value)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .slice(0, 200)
}
