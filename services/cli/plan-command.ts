import { readFileSync, writeFileSync } from 'node:fs'
import { missingColumns } from '../domain/planning/audience.ts'
import type { PlanInput } from '../domain/planning/planned-questions.ts'
import { remediesOf } from '../domain/planning/remedies.ts'
import { planRollout } from '../domain/planning/rollout-plan.ts'
import { readTraffic } from '../domain/planning/traffic-csv.ts'
import type { TrafficProfile } from '../domain/planning/traffic-profile.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { planPicture } from './plan-picture.ts'
import { rolloutPlanText } from './plan-text.ts'
import { type Session, show } from './session.ts'
import { linted } from './write-commands.ts'

export interface PlanOptions {
  readonly traffic: string
  readonly start?: string
  readonly svg?: string
}

/** Done when the plan can be kept; no when the files have problems or it cannot; a wrong call when a time cannot be read or a file not written. */
export function planCommand(session: Session, path: string, options: PlanOptions): ExitCode {
  const startMs = options.start === undefined ? session.nowMs() : startOf(options.start)
  if (startMs === null) {
    session.note(`--start ${options.start}: no time; write it as 2026-03-02T09:00Z`)
    return exitCodes.usage
  }
  const sound = linted(session, path)
  if (sound === null) return exitCodes.no
  const traffic = trafficOf(session, options.traffic)
  if (traffic === null) return exitCodes.no
  const missing = missingColumns(sound.compiled.spec, traffic)
  if (missing.length > 0) {
    refuse(
      session,
      options.traffic,
      missing.map((name) => ({ line: 1, column: 1, message: `no column \`${name}\`, which ${path} asks for; add it` })),
    )
    return exitCodes.no
  }
  return planned(session, { ...sound.compiled, traffic, startMs }, options.svg)
}

function planned(session: Session, input: PlanInput, svg: string | undefined): ExitCode {
  const plan = planRollout(input)
  const remedies = remediesOf(input, plan)
  if (svg !== undefined) {
    try {
      writeFileSync(svg, planPicture(input.spec.name, plan))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      session.note(`${svg}: cannot be written: ${error.message}`)
      return exitCodes.usage
    }
  }
  show(session, { ...plan, remedies }, () => rolloutPlanText(input.spec, plan, remedies))
  return plan.problems.length === 0 ? exitCodes.done : exitCodes.no
}

function trafficOf(session: Session, path: string): TrafficProfile | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    refuse(session, path, [{ line: 1, column: 1, message: 'cannot be read; is the path right?' }])
    return null
  }
  const result = readTraffic(text)
  if (result.kind === 'traffic') return result.traffic
  refuse(session, path, result.problems)
  return null
}

function refuse(
  session: Session,
  file: string,
  problems: readonly { readonly line: number; readonly column: number; readonly message: string }[],
): void {
  if (session.json) session.print(JSON.stringify({ problems: problems.map((problem) => ({ file, ...problem })) }))
  for (const { line, column, message } of problems) session.note(`${file}:${line}:${column}: ${message}`)
}

/** A time with its zone, or a date, which begins at 00:00 UTC; anything else would depend on where it is read. */
function startOf(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)) return null
  const atMs = Date.parse(text)
  return Number.isFinite(atMs) ? atMs : null
}
