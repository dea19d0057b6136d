import type { Api } from '../api/api-types.ts'
import { ApiError, callApi } from './api-client.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { type Linted, lintRollout } from './lint-rollout.ts'
import { planText } from './print-details.ts'
import { revertText } from './print-status.ts'
import { type Session, show } from './session.ts'

type Sound = Extract<Linted, { readonly kind: 'ok' }>

/** Checks the file; null when it has problems, which have been said then. */
export function linted(session: Session, path: string): Sound | null {
  const result = lintRollout(path)
  if (result.kind === 'ok') return result
  if (session.json) session.print(JSON.stringify({ problems: result.problems }))
  for (const { file, line, path: field, message } of result.problems)
    session.note(`${file}:${line}: ${field === '' ? '' : `${field}: `}${message}`)
  return null
}

export function lint(session: Session, path: string): ExitCode {
  const sound = linted(session, path)
  if (sound === null) return exitCodes.no
  show(session, sound.plan, () => planText(sound.plan))
  return exitCodes.done
}

export async function apply(session: Session, path: string, reason: string | undefined): Promise<ExitCode> {
  const sound = linted(session, path)
  if (sound === null) return exitCodes.no
  const { text, golden } = sound
  const body: Api['ApplyRequest'] = { text, golden, ...(reason === undefined ? {} : { reason }) }
  const answer = await callApi<Api['ApplyAnswer']>(session.config(), '/v1/runs', body)
  show(session, answer, () => {
    const what = answer.created ? `applied as ${answer.run}` : `${answer.run} asks for exactly this and is running`
    return `${what}\n${planText(answer.plan)}\nwatch it: penstock get -w ${answer.run}`
  })
  return exitCodes.done
}

/** Promote, hold, resume, rollback, approve, reject, and the release of a latch. */
export async function command(session: Session, run: string, request: Api['CommandRequest']): Promise<ExitCode> {
  const path = `/v1/runs/${encodeURIComponent(run)}/commands`
  const send = () => callApi<Api['CommandAnswer']>(session.config(), path, request)
  const answer = request.kind === 'rollback' ? await braked(session, send) : await send()
  show(session, answer, () => commandText(answer))
  return exitCodes.done
}

function commandText({ latch, decision, status }: Api['CommandAnswer']): string {
  const revert = latch === null || status.lastRevert === null ? [] : revertText(status)
  if (decision !== null)
    return [`${status.run}: ${decision.from_phase} → ${decision.to_phase}: ${decision.reason}`, ...revert].join('\n')
  return `${status.run}: latch ${latch ?? ''} is written, and routers give the candidate nothing as soon as they read it.
No controller has confirmed within ten seconds: see that one runs, and look at \`penstock get ${status.run}\`.`
}

export async function kill(session: Session, route: string, reason: string): Promise<ExitCode> {
  const body: Api['KillRequest'] = { reason }
  const answer = await braked(session, () =>
    callApi<Api['KillAnswer']>(session.config(), `/v1/routes/${encodeURIComponent(route)}/kill`, body),
  )
  show(session, answer, () => {
    const bound = answer.runs.length === 0 ? 'no run is active there' : `binds ${answer.runs.join(', ')}`
    return `kill ${answer.kill} is written: the candidate of ${nameOf(route)} gets nothing until it is released; ${bound}`
  })
  return exitCodes.done
}

export async function release(
  session: Session,
  route: string,
  options: { readonly reason: string; readonly kill?: string },
): Promise<ExitCode> {
  const body: Api['ReleaseRequest'] = { ...options }
  const path = `/v1/routes/${encodeURIComponent(route)}/release`
  const answer = await callApi<Api['ReleaseAnswer']>(session.config(), path, body)
  show(session, answer, () => {
    const left = answer.stillOpen.length === 0 ? '' : `; still killed by ${answer.stillOpen.join(', ')}`
    return `released ${answer.released.join(', ')}${left}. Runs stay at 0 until a person resumes them`
  })
  return exitCodes.done
}

function nameOf(route: string): string {
  return route === '*' ? 'every route' : route
}

/** Somebody who wants the candidate gone is told what works without the API. */
async function braked<T>(session: Session, send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (error) {
    if (error instanceof ApiError && error.retriable)
      session.note(
        'without the API each gateway can be braked by itself: POST /-/kill to it from its own host, or create the file that PENSTOCK_GATEWAY_KILL_FILE names',
      )
    throw error
  }
}
