import type { LatchTimes, ManyRollouts } from './many-rollouts.ts'
import { counted, held, memoryRows, ms } from './table-parts.ts'

const mebibyte = 2 ** 20

export function rolloutLines(results: ManyRollouts): readonly string[] {
  const { rollouts, apply, list, listBytes, promotedS, topics, before, after } = results
  const latches = ({ latch, applied }: LatchTimes) => `${ms(latch)}; ${ms(applied)} (${latch.count} latches)`
  const kibibyte = 1_024
  const rate = ({ records, bytes }: { readonly records: number; readonly bytes: number }) =>
    bytes > mebibyte / 10
      ? `${records.toFixed(1)} | ${(bytes / mebibyte).toFixed(2)} MiB`
      : `${records.toFixed(1)} | ${(bytes / kibibyte).toFixed(1)} KiB`
  return [
    '| what | |',
    '| --- | --- |',
    `| the API applies a rollout, ms p50 / p99 | ${ms(apply)} |`,
    `| all ${rollouts} promoted until their splits are acked, s | ${promotedS.toFixed(1)} |`,
    `| the API lists all runs, ms p50 / p99 | ${ms(list)} (${(listBytes / kibibyte).toFixed(0)} KiB) |`,
    `| decisive evidence → latch written; in force at the gateway, ms p50 / p99, one after the other | ${latches(results.oneByOne)} |`,
    `| the same, all at once | ${latches(results.atOnce)} |`,
    `| ${results.perSecond} requests/s over all routes, before the first rollout, ms p50 / p99 | ${ms(results.throughBefore)} |`,
    `| the same with all of them | ${ms(results.through)} |`,
    `| the same, all ${rollouts} routes at the same moments | ${ms(results.throughBursts)} |`,
    '',
    '| topic | records/s | a second |',
    '| --- | --- | --- |',
    ...Object.entries(topics).map(([name, sizes]) => `| ${name} | ${rate(sizes)} |`),
    '',
    ...memoryRows([
      ['none', [before]],
      [`${rollouts} rollouts`, [after]],
    ]),
    '',
    `Said at /readyz: ${after.said.join(', ') || 'nothing'}. In logs: ${counted(results.logged)}.`,
    '',
    held(`no call failed (${results.failed} of ${results.asked.toLocaleString('en-US')})`, results.failed === 0),
    held(`no process ended (${results.restarts})`, results.restarts === 0),
    '',
  ]
}
