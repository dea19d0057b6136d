import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Api } from '../api/api-types.ts'
import { readEvidence } from '../domain/events/evidence-json.ts'
import type { Decision, Evidence } from '../domain/events/records.ts'
import { codeVersion } from '../domain/gate/code-version.ts'
import { type Difference, replayVerdict } from '../domain/gate/replay-verdict.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import { readVerdict } from '../domain/rollout/payload.ts'
import type { Run } from '../domain/rollout/run.ts'
import { readRun } from '../domain/rollout/run-document.ts'
import { callApi } from './api-client.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { timeText } from './print-status.ts'
import { InputFileError, readLines } from './read-lines.ts'
import { type Act, type Session, show } from './session.ts'

/** A run with what a replay needs of it: the first line of a saved file; its evidence follows, a record a line. */
interface Saved {
  readonly run: Run
  readonly decisions: readonly Decision[]
  readonly evidence: readonly Evidence[]
}

interface Replayed {
  readonly decision: string
  readonly at: number
  readonly reason: string
  readonly recordedBy: string
  readonly difference: Difference | null
}

export function declareReplay(program: Command, act: Act): void {
  program
    .command('replay <run>')
    .description('recompute the verdicts behind the decisions of a run from its plan and its evidence, bit for bit')
    .option('--decision <id>', 'only this decision')
    .option('--save <file>', 'also write run, decisions and evidence as JSONL, which replay and backtest read')
    .addHelpText(
      'after',
      `
<run> is the id of a run, the name of its rollout, \`latest\`, or a file that --save wrote (then no server is needed). Exit code 1 when any verdict
differs, with the first field that does.

Examples:
  penstock replay latest --save run.jsonl
  penstock replay run.jsonl`,
    )
    .action((what: string, options: { readonly decision?: string; readonly save?: string }) =>
      act((session) => replay(session, what, options)),
    )
}

/** Done when every verdict is recomputed as it was, no when one differs or there is none to recompute. Throws InputFileError and ApiError. */
async function replay(
  session: Session,
  what: string,
  { decision: only, save }: { readonly decision?: string; readonly save?: string },
): Promise<ExitCode> {
  const saved = existsSync(what) ? readSaved(what) : await fetchRun(session, what)
  if (save !== undefined) writeSaved(save, saved)
  const { run, decisions, evidence } = saved
  const replayed = decisions
    .filter(({ id }) => only === undefined || id === only)
    .flatMap((decision): Replayed[] => {
      const verdict = verdictBehind(decision)
      if (verdict === null) return []
      const { id, at, reason } = decision
      const difference = replayVerdict(run.id, run.plan, verdict, evidence)
      return [{ decision: id, at, reason, recordedBy: verdict.codeVersion, difference }]
    })
  const equal = replayed.filter(({ difference }) => difference === null).length
  show(session, { run: run.id, evidence: evidence.length, codeVersion, decisions: replayed }, () =>
    replayed.length === 0
      ? `${run.id}: no decision rests on a verdict; there is nothing to recompute`
      : [
          `${run.id}: ${equal} of ${replayed.length} verdicts recomputed bit for bit from ${evidence.length} records`,
          ...replayed.map(replayedText),
        ].join('\n'),
  )
  return replayed.length > 0 && equal === replayed.length ? exitCodes.done : exitCodes.no
}

function replayedText({ at, reason, recordedBy, difference }: Replayed): string {
  const said = difference === null ? 'equal  ' : 'DIFFERS'
  const code = recordedBy === codeVersion ? '' : ` (recorded by version ${recordedBy}, recomputed by ${codeVersion})`
  const where =
    difference === null
      ? ''
      : `\n      ${difference.field}: recorded ${difference.recorded}, recomputed ${difference.recomputed}`
  return `  ${said} ${timeText(at)}  ${reason}${code}${where}`
}

/** The verdict on which a decision rests; null for decisions of people, acks and clocks. */
function verdictBehind({ analysis }: Decision): Verdict | null {
  const { verdict } = JSON.parse(analysis) as { readonly verdict?: unknown }
  const read = verdict === undefined || verdict === null ? null : readVerdict(JSON.stringify(verdict))
  return read?.ok === true ? read.value : null
}

async function fetchRun(session: Session, name: string): Promise<Saved> {
  const path = (id: string, rest: string) => `/v1/runs/${encodeURIComponent(id)}${rest}`
  const record = await callApi<Api['RunRecord']>(session.config(), path(name, '/record'))
  const { run, decisions } = recordOf(record, name)
  const partitions = new Set(
    decisions.flatMap((decision) => Object.keys(verdictBehind(decision)?.evidenceOffsets ?? {})),
  )
  const evidence: Evidence[] = []
  for (const partition of partitions)
    for (let from: number | null = 0; from !== null; ) {
      const page: Api['EvidencePage'] = await callApi(
        session.config(),
        path(run.id, `/evidence?partition=${partition}&from=${from}`),
      )
      for (const line of page.evidence) {
        const read = readEvidence(line)
        if (typeof read === 'string') throw new InputFileError(`evidence of ${run.id}: ${read}`)
        evidence.push(read)
      }
      from = page.next
    }
  return { run, decisions, evidence }
}

function recordOf(value: unknown, where: string): Pick<Saved, 'run' | 'decisions'> {
  const { run: document, decisions } = value as Partial<Api['RunRecord']>
  const run = readRun(JSON.stringify(document ?? null))
  if (run === null || !Array.isArray(decisions)) throw new InputFileError(`${where} holds no run that can be read`)
  return { run, decisions }
}

function readSaved(file: string): Saved {
  const [first, ...rest] = readLines(file, (value) => value as object)
  const evidence = rest.map((line, index) => {
    const read = readEvidence(line)
    if (typeof read === 'string') throw new InputFileError(`${file}: record ${index + 1}: ${read}`)
    return read
  })
  return { ...recordOf(first ?? null, file), evidence }
}

function writeSaved(file: string, { run, decisions, evidence }: Saved): void {
  const lines = [{ run, decisions }, ...evidence].map((line) => JSON.stringify(line))
  writeFileSync(file, `${lines.join('\n')}\n`)
}
