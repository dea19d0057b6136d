import type { ManyRollouts } from './many-rollouts.ts'
import { counted, held, memoryRows, ms } from './table-parts.ts'

const mebibyte = 2 ** 20

export function rolloutLines(results: ManyRollouts): readonly string[] {
  const { rollouts, apply, list, listBytes, promotedS, latch, applied, topics, through, before, after } = results
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
    `| decisive evidence → latch written, ms p50 / p99 | ${ms(latch)} (${latch.count} latches) |`,
    `| decisive evidence → in force at the gateway, ms p50 / p99 | ${ms(applied)} |`,
    `| ${results.perSecond} requests/s over all routes, ms p50 / p99 | ${ms(through)} |`,
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
    held(`no call failed (${results.failed})`, results.failed === 0),
    held(`no process ended (${results.restarts})`, results.restarts === 0),
    '',
  ]
}
