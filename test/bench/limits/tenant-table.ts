import { counted, held } from './table-parts.ts'
import { type TenantCounts, type TenantResults, type TenantRoute, tenantRates } from './tenant.ts'

export function tenantLines({ routes, partitions, perSecond, after }: TenantResults): readonly string[] {
  const mean = partitions.reduce((sum, records) => sum + records, 0) / partitions.length
  const fullest = Math.max(...partitions) / mean
  const all = routes.flatMap(({ tenants }) => Object.values(tenants))
  const sum = (of: (counts: TenantCounts) => number) => all.reduce((total, counts) => total + of(counts), 0)
  const [failed, sent, captured] = [sum((one) => one.failed), sum((one) => one.sent), sum((one) => one.captured)]
  const refused = sum((one) => one.refused)
  const leftOut = Object.values(after.tapDrops).reduce((total, count) => total + count, 0)
  return [
    '| route, sticky by | tenant | sent | refused with 503 | captured | shadow legs, of captured | answered, of legs | pairs judged | candidate served |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...routes.flatMap(routeRows),
    '',
    ...routes.map(
      ({ route, verdict }) => `The gate on ${route}: ${verdict.outcome}, ${verdict.reasonCode}: ${verdict.reason}.`,
    ),
    `Records by partition: ${partitions.join(', ')}; the fullest holds ${fullest.toFixed(3)} times the mean.`,
    '',
    `Shadow legs as they ended: ${counted(after.shadowLegs)}. Left out by the tap: ${counted(after.tapDrops)}.`,
    '',
    held(`no call failed that was taken on (${failed})`, failed === 0),
    ...(perSecond === tenantRates.plenty
      ? [held(`every call of every tenant is captured (${captured} of ${sent})`, captured === sent)]
      : [
          held(
            `every call is captured (${captured}), refused (${refused}) or counted as left out by the tap (${leftOut}): ${sent} were sent`,
            captured + refused <= sent && sent <= captured + refused + leftOut,
          ),
        ]),
    held('partitions are balanced to a tenth', fullest < 1.1),
    '',
  ]
}

function routeRows({ route, stickyKey, tenants }: TenantRoute): readonly string[] {
  const small = Object.entries(tenants).filter(([id]) => id.startsWith('small'))
  const large = Object.entries(tenants).filter(([id]) => !id.startsWith('small'))
  const together = small.map(([, counts]) => counts).reduce(sumOf)
  const row = ([name, counts]: readonly [string, TenantCounts]) => {
    const { sent, refused, captured, legs, legsAnswered, pairs, candidateShare } = counts
    const share = (part: number, whole: number) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`)
    const cells = [
      `${route}, ${stickyKey}`,
      name,
      sent,
      share(refused, sent),
      captured,
      share(legs, captured),
      share(legsAnswered, legs),
      pairs,
      `${(100 * candidateShare).toFixed(1)} %`,
    ]
    return `| ${cells.join(' | ')} |`
  }
  return [...large, [`${small.length} small ones together`, together] as const].map(row)
}

function sumOf(a: TenantCounts, b: TenantCounts): TenantCounts {
  const captured = a.captured + b.captured
  const served = a.candidateShare * a.captured + b.candidateShare * b.captured
  return {
    sent: a.sent + b.sent,
    refused: a.refused + b.refused,
    failed: a.failed + b.failed,
    captured,
    planned: a.planned + b.planned,
    legs: a.legs + b.legs,
    legsAnswered: a.legsAnswered + b.legsAnswered,
    pairs: a.pairs + b.pairs,
    candidateShare: captured === 0 ? 0 : served / captured,
  }
}
