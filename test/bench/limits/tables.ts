import { partHead } from '../support/measured-part.ts'
import { halfPairLines } from './half-pairs-table.ts'
import { overloadLines } from './overload-table.ts'
import type { LimitsResults } from './results.ts'
import { rolloutLines } from './rollouts-table.ts'
import { soakLines } from './soak-table.ts'
import { tenantLines } from './tenant-table.ts'

/** All parts that have been measured, as Markdown. */
export function tablesOf({ overload, soak, tenant, tenantScarce, halfPairs, rollouts }: LimitsResults): string {
  const lines: (readonly string[])[] = []
  if (overload !== undefined) {
    const { perSecond, fits, slices } = overload.values
    const title = `${perSecond} requests/s, twice the ${fits} that fit, for ${(slices.at(-1)?.atS ?? 0) / 60} minutes`
    lines.push(partHead(title, overload), overloadLines(overload.values))
  }
  if (soak !== undefined) {
    const { minutes, perSecond } = soak.values
    lines.push(partHead(`${minutes} minutes of ${perSecond} requests/s`, soak), soakLines(soak.values))
  }
  for (const part of [tenant, tenantScarce]) {
    if (part === undefined) continue
    const { minutes, perSecond } = part.values
    const title = `One tenant with nine tenths of ${perSecond} requests/s for ${minutes} minutes`
    lines.push(partHead(title, part), tenantLines(part.values))
  }
  if (halfPairs !== undefined) {
    const most = Math.max(...halfPairs.values.map(({ pairs }) => pairs))
    const title = `${most.toLocaleString('en')} exchanges whose other leg never comes`
    lines.push(partHead(title, halfPairs), halfPairLines(halfPairs.values))
  }
  if (rollouts !== undefined) {
    const title = `${rollouts.values.rollouts} rollouts at once`
    lines.push(partHead(title, rollouts), rolloutLines(rollouts.values))
  }
  return lines.flat().join('\n').trimEnd()
}
