import type { Account } from './account.ts'
import { grown, type Look } from './look.ts'
import type { OverloadResults, Slice } from './overload.ts'
import { counted, held, memoryRows, ms } from './table-parts.ts'

const rowEveryS = 60

export function overloadLines(results: OverloadResults): readonly string[] {
  const { tried, before, slices, after, account, caughtUpS, restarts } = results
  const failed = slices.flatMap((slice) => Object.values(slice.failed)).reduce((sum, count) => sum + count, 0)
  const refused = slices.reduce((sum, slice) => sum + slice.refused.count, 0)
  const turnedAway = slices.reduce((sum, slice) => sum + slice.turnedAway, 0)
  const sent = slices.reduce((sum, slice) => sum + slice.sent, 0)
  const last = tried.at(-1)
  const isShort = (slices.at(-1)?.atS ?? 0) < 2 * rowEveryS
  const shown = slices.filter(({ atS }) => isShort || atS % rowEveryS === 0)
  return [
    `Tried: ${tried.map(({ perSecond }) => perSecond).join(', ')} requests/s; ${last?.perSecond} do not fit (${last?.why ?? 'all fit'}).`,
    '',
    '| at s | calls, ms p50 / p99 | straight to the model | schedule late, ms | refused with 503, told after ms p50 / p99 | no connection free | failed otherwise | records behind | seconds behind: pairing, gate, store | left out by the tap | shadow legs so far |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...shown.map((slice) => sliceRow(slice, before)),
    '',
    ...memoryRows([
      ['before', [before]],
      ['first half', slices.slice(0, Math.ceil(slices.length / 2)).map(({ look }) => look)],
      ['second half', slices.slice(Math.ceil(slices.length / 2)).map(({ look }) => look)],
      ['after', [after]],
    ]),
    '',
    ...accountLines(account),
    '',
    `Said at /readyz meanwhile: ${[...new Set(slices.flatMap(({ look }) => look.said))].join(', ') || 'nothing'}. By the doctor at the end: ${results.doctor.join('; ') || 'nothing wrong'}. In logs: ${counted(results.logged)}.`,
    `The gate in the end: ${results.gate}. Brakes: ${results.latches.join('; ') || 'none'}.`,
    '',
    `${n(refused)} of ${n(sent)} calls were refused at once with 503 and a time to ask again, and ${n(turnedAway)} found none of the callers' connections free.`,
    '',
    held(`no call failed that was taken on (${failed})`, failed === 0),
    held(`no process ended (${restarts})`, restarts === 0),
    held(
      `caught up afterwards (${caughtUpS === null ? 'not within ten minutes' : `${caughtUpS.toFixed(0)} s`})`,
      caughtUpS !== null,
    ),
    ...accountVerdicts(account),
    '',
  ]
}

function sliceRow(
  { atS, sent, through, straight, late, refused, turnedAway, failed, look }: Slice,
  before: Look,
): string {
  const { pairing, gate, sink } = look.behindS
  const behind = Object.values(look.lag).reduce((sum, records) => sum + records, 0)
  const cells = [
    atS,
    ms(through),
    ms(straight),
    ms(late),
    refused.count === 0 ? 'none' : `${((100 * refused.count) / sent).toFixed(0)} %, ${ms(refused.toldMs)}`,
    turnedAway,
    counted(failed),
    behind,
    [pairing, gate, sink].map((seconds) => seconds.toFixed(1)).join(', '),
    counted(grown(before.tapDrops, look.tapDrops)),
    counted(grown(before.shadowLegs, look.shadowLegs)),
  ]
  return `| ${cells.join(' | ')} |`
}

const n = (count: number) => count.toLocaleString('en')

function accountLines(account: Account): readonly string[] {
  const { stored } = account
  return [
    '| exchange by exchange | |',
    '| --- | --- |',
    `| calls answered | ${n(account.answered)} |`,
    `| both records in the log | ${n(account.captured)} |`,
    `| records missing, and counted as left out by the tap | ${n(account.recordsMissing)}, ${n(account.recordsCounted)} |`,
    `| requests to plan, planned | ${n(account.toPlan)}, ${n(account.planned)} |`,
    `| legs planned, and how they ended | ${n(account.legs)}: ${counted(account.legEnds)} |`,
    `| legs of which nothing came | ${n(account.legsWithoutEnd)} |`,
    `| requests to judge, with evidence, of which no leg was heard of in time | ${n(account.toJudge)}, ${n(account.judged)}, ${n(account.unheard)} |`,
    `| records for the store, stored, lost, double | ${n(stored.expected)}, ${n(stored.found)}, ${n(stored.lost)}, ${n(stored.double)} |`,
  ]
}

function accountVerdicts(account: Account): readonly string[] {
  const { recordsMissing, recordsCounted, toPlan, planned, toJudge, judged, stored } = account
  return [
    held('what is missing in the log is counted by name', recordsMissing <= recordsCounted),
    held(
      'each captured request of the run is planned, and each leg ends',
      toPlan === planned && account.legsWithoutEnd === 0,
    ),
    held('each captured request has its evidence', toJudge === judged),
    held('each record is stored once', stored.lost === 0 && stored.double === 0),
  ]
}
