import type { Api } from '../api/api-types.ts'
import { ApiError, callApi } from './api-client.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { explanationText, pairText } from './print-details.ts'
import { listText, statusText } from './print-status.ts'
import { type Session, show } from './session.ts'

type RunStatus = Api['RunStatus']

const pollMs = 1_000

function runPath(run: string, rest = ''): string {
  return `/v1/runs/${encodeURIComponent(run)}${rest}`
}

/** One run whole, or all in a table. */
export async function get(session: Session, run: string | undefined, watching: boolean): Promise<ExitCode> {
  if (run === undefined && !watching) {
    const answer = await callApi<Api['RunList']>(session.config(), '/v1/runs')
    show(session, answer, () => listText(answer.runs, session.nowMs()))
    return exitCodes.done
  }
  let before = ''
  for (let first = true; ; first = false) {
    const runs = await asked(session, first, async () => {
      const config = session.config()
      if (run !== undefined) return [await callApi<RunStatus>(config, runPath(run))]
      return (await callApi<Api['RunList']>(config, '/v1/runs')).runs
    })
    // What has not changed is not said again: `next` counts down by itself and does not count as a change.
    const now = JSON.stringify(runs?.map((status) => ({ ...status, next: '' })))
    if (runs !== null && now !== before) {
      before = now
      const answer = run === undefined ? { runs } : (runs[0] ?? {})
      show(session, answer, () => runs.map((status) => statusText(status, session.nowMs())).join('\n\n') || 'no runs')
    }
    if (!watching || runs?.every(isOver) === true) return exitCodes.done
    await session.sleep(pollMs)
  }
}

export interface WaitOptions {
  readonly timeoutS: number
  /** `end`: until it is over; `stage`: also when it has left the stage in which it is found. A person who is needed ends both. */
  readonly until: 'end' | 'stage'
}

/** Waits until the run is over, has advanced, or needs a person. An API that is away for a while is waited for, too. */
export async function wait(session: Session, run: string, { timeoutS, until }: WaitOptions): Promise<ExitCode> {
  const endMs = session.nowMs() + timeoutS * 1_000
  let entry: string | null = null
  let last: RunStatus | null = null
  for (let first = true; ; first = false) {
    const status = await asked(session, first, () =>
      // The run that was found first, whatever else may be the latest meanwhile.
      callApi<RunStatus>(session.config(), runPath(last?.run ?? run)),
    )
    if (status !== null) {
      entry ??= entryOf(status)
      last = status
      const code = codeOf(status, until === 'stage' && entryOf(status) !== entry)
      if (code !== null) return ended(session, status, code)
    }
    if (session.nowMs() >= endMs) {
      session.note(`gave up after ${timeoutS} s`)
      if (last === null || status === null) return exitCodes.unavailable
      return ended(session, last, exitCodes.timedOut)
    }
    await session.sleep(pollMs)
  }
}

function ended(session: Session, status: RunStatus, code: ExitCode): ExitCode {
  show(session, status, () => statusText(status, session.nowMs()))
  return code
}

/** A stage entered anew after a release is no advance: only the stages of waves, their ends and the bake count. */
function entryOf({ waves, phase }: RunStatus): string {
  const stages = waves.map(({ id, stage, status }) => `${id}/${stage}/${status}`)
  return `${stages.join()}/${phase === 'bake' ? 'bake' : ''}`
}

function codeOf(status: RunStatus, advanced: boolean): ExitCode | null {
  if (status.phase === 'completed') return exitCodes.done
  if (isOver(status)) return exitCodes.no
  if (status.phase === 'held' || status.phase === 'review') return exitCodes.held
  return advanced ? exitCodes.done : null
}

function isOver({ phase }: RunStatus): boolean {
  return phase === 'completed' || phase === 'rolled_back' || phase === 'aborted'
}

/** The first question has to be answered; later ones may find the API away for a while, which is said and null. */
async function asked<T>(session: Session, first: boolean, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask()
  } catch (error) {
    if (first || !(error instanceof ApiError) || !error.retriable) throw error
    session.note(`${error.code}: ${error.message}; asking again`)
    return null
  }
}

export async function explain(session: Session, run: string): Promise<ExitCode> {
  const answer = await callApi<Api['Explanation']>(session.config(), runPath(run, '/explain'))
  show(session, answer, () => explanationText(answer, session.nowMs()))
  return exitCodes.done
}

export async function pairs(
  session: Session,
  run: string,
  options: { readonly worse?: string; readonly limit: string },
): Promise<ExitCode> {
  const query = new URLSearchParams({ limit: options.limit })
  if (options.worse !== undefined) query.set('worse', options.worse)
  const answer = await callApi<Api['PairList']>(session.config(), runPath(run, `/pairs?${query.toString()}`))
  if (session.json) for (const pair of answer.pairs) session.print(JSON.stringify(pair))
  else if (answer.pairs.length > 0) session.print(answer.pairs.map(pairText).join('\n\n'))
  else session.note('no such pairs yet; the store is a few seconds behind the gateway')
  return exitCodes.done
}
