import { type Part, partHead } from '../support/measured-part.ts'
import { type Quantiles, quantilesOf } from '../support/quantiles.ts'
import { canaryShare } from './fault-cell.ts'
import type { FaultResults } from './faults.ts'
import type { KillBy, KillTimes } from './kills.ts'
import { type LatchTimes, latchesPerSecond } from './latches.ts'
import type { OutageResults } from './outage.ts'
import type { Prediction } from './predicted.ts'
import type { RevertResults } from './results.ts'

const goalMs = 250
const outageGoalMs = 5_000

/** All parts that have been measured, as Markdown. */
export function tablesOf(results: RevertResults): string {
  const { before, latches, kills, outage, faults, byDefault, predictions = [] } = results
  const canary = `at a canary of ${canaryShare * 100} %`
  const lines = [
    ...(latches === undefined ? [] : latchLines(latches, before)),
    ...(kills === undefined ? [] : killLines(kills)),
    ...(outage === undefined ? [] : outageLines(outage)),
    ...(faults === undefined ? [] : faultLines(`Whole faults ${canary}`, faults, predictions)),
    ...(byDefault === undefined
      ? []
      : faultLines(`Whole faults ${canary} with the default horizons`, byDefault, predictions)),
  ]
  return lines.join('\n').trimEnd()
}

const hops: readonly (readonly [keyof LatchTimes, string])[] = [
  ['progress', 'pairing says that the exchanges are read past the evidence'],
  ['latch', 'the gate has written its latch'],
  ['latchRead', 'the latch is read from the brakes topic'],
  ['verdictRead', 'the verdict is read from the commands topic'],
  ['splitRead', "the controller's split at 0 is read"],
  ['applied', 'the gateway has the latch in force'],
  ['ackRead', 'its ack is read'],
  ['lastCandidate', 'the last request that the candidate got'],
  ['nothing', 'from here on the candidate gets nothing'],
]

function latchLines(latches: Part<readonly LatchTimes[]>, before: RevertResults['before']): readonly string[] {
  const of = (part: Part<readonly LatchTimes[]>, key: keyof LatchTimes) =>
    quantilesOf(part.values.map((times) => times[key]))
  const was = (key: keyof LatchTimes) => (before === undefined ? '–' : shown(of(before, key)))
  const count = latches.values.length
  const title = `${count} latches under ${latchesPerSecond} requests/s, ms from the acknowledgement of the deciding evidence`
  return [
    ...partHead(title, latches),
    `| hop | p50 | p90 | p99 | max | before (${before?.values.length ?? 0} latches): p50, p99, max |`,
    '| --- | --- | --- | --- | --- | --- |',
    ...hops.map(([key, what]) => `| ${what} | ${cells(of(latches, key))} | ${was(key)} |`),
    '',
    `In ${latches.values.filter(({ sent }) => sent > 1).length} of them evidence was sent again, because it had come late.`,
    verdictOn(`evidence acknowledged → candidate gets nothing`, of(latches, 'nothing').p99, goalMs),
    '',
  ]
}

const killRows: Readonly<Record<KillBy, string>> = {
  api: "the API's kill, as `penstock kill` asks for it",
  call: '`POST /-/kill` at the gateway',
  file: 'the kill file of the gateway',
}

function killLines(kills: Part<Readonly<Record<KillBy, readonly KillTimes[]>>>): readonly string[] {
  const { values } = kills
  const title = `Kills under ${latchesPerSecond} requests/s, ms from the moment of asking`
  return [
    ...partHead(title, kills),
    ...killTable((Object.keys(killRows) as KillBy[]).map((by) => [by, values[by]] as const)),
    '',
    verdictOn('asked → candidate gets nothing, the slowest of the three', worstOf(Object.values(values)).p99, goalMs),
    '',
  ]
}

function killTable(rows: readonly (readonly [KillBy, readonly KillTimes[]])[]): readonly string[] {
  const row = ([by, times]: readonly [KillBy, readonly KillTimes[]]) => {
    const of = (key: 'accepted' | 'lastCandidate' | 'nothing') => shown(quantilesOf(times.map((each) => each[key])))
    const afterAccepted = shown(quantilesOf(times.map(({ nothing, accepted }) => nothing - accepted)))
    return `| ${killRows[by]} | ${times.length} | ${of('accepted')} | ${of('lastCandidate')} | ${of('nothing')} | ${afterAccepted} |`
  }
  return [
    '| by | kills | accepted: p50, p99, max | last request of the candidate | it gets nothing | the same from accepted |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(row),
  ]
}

function worstOf(all: readonly (readonly KillTimes[])[]): Quantiles {
  return all
    .map((times) => quantilesOf(times.map(({ nothing }) => nothing)))
    .reduce((worst, each) => (each.p99 > worst.p99 ? each : worst))
}

function outageLines(outage: Part<OutageResults>): readonly string[] {
  const { call, file, api, lapsedAfterMs, leaseMs } = outage.values
  return [
    ...partHead('Kills with the broker stopped, ms from the moment of asking', outage),
    ...killTable([
      ['call', call],
      ['file', file],
    ]),
    '',
    verdictOn('asked → candidate gets nothing, of both', worstOf([call, file]).max, outageGoalMs, 'longest'),
    `The API's kill cannot be written then: after ${(api.ms / 1_000).toFixed(1)} s it says so (${api.answer.replaceAll('|', '\\|')}).`,
    `Where nobody does anything, the lease (${leaseMs / 1_000} s) ends it: the last request of the candidate came ${(lapsedAfterMs / 1_000).toFixed(1)} s after the broker's death.`,
    '',
  ]
}

function faultLines(
  title: string,
  faults: Part<readonly FaultResults[]>,
  predictions: readonly Prediction[],
): readonly string[] {
  return [
    ...partHead(`${title}, from the call that got the first bad answer`, faults),
    '| fault | of its answers | requests/s | runs | latch, s: median, max | last request of the candidate, s: median, max | bad answers: median, max | predicted latch, s: median, p99 | predicted bad answers: median, p99 |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...faults.values.map((results) => faultRow(results, predictions)),
    '',
    `${faults.values.reduce((sum, { latchedBefore }) => sum + latchedBefore, 0)} more runs latched before they were given their fault, and were made again.`,
    '',
  ]
}

function faultRow({ cell, runs }: FaultResults, predictions: readonly Prediction[]): string {
  const of = (key: 'latchS' | 'lastCandidateS' | 'badAnswers', digits: number) => {
    const { p50, max } = quantilesOf(runs.map((run) => run[key]))
    return `${p50.toFixed(digits)}, ${max.toFixed(digits)}`
  }
  const said = ({ p50, p99 }: Quantiles, digits: number) => `${p50.toFixed(digits)}, ${p99.toFixed(digits)}`
  const { kind, share, perSecond, horizons } = cell
  const predicted = predictions.find(
    (each) =>
      each.cell.kind === kind &&
      each.cell.share === share &&
      each.cell.perSecond === perSecond &&
      each.cell.horizons === horizons,
  )?.predicted
  const row = [
    kind,
    `${share * 100} %`,
    perSecond,
    runs.length,
    of('latchS', 2),
    of('lastCandidateS', 2),
    of('badAnswers', 0),
    predicted === undefined ? '–' : said(predicted.latchS, 2),
    predicted === undefined ? '–' : said(predicted.badAnswers, 0),
  ]
  return `| ${row.join(' | ')} |`
}

function verdictOn(what: string, ms: number, goal: number, which = 'p99'): string {
  const said = `${what}: ${which} ${ms.toFixed(0)} ms, goal ${goal.toLocaleString('en')} ms`
  return ms <= goal ? `${said}: met.` : `${said}: **missed**.`
}

function cells({ p50, p90, p99, max }: Quantiles): string {
  return [p50, p90, p99, max].map((value) => value.toFixed(0)).join(' | ')
}

function shown({ p50, p99, max }: Quantiles): string {
  return [p50, p99, max].map((value) => value.toFixed(0)).join(', ')
}
