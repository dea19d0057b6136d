import { held } from './table-parts.ts'
import type { TenantCounts, TenantResults, TenantRoute } from './tenant.ts'

export function tenantLines({ routes, partitions }: TenantResults): readonly string[] {
  const mean = partitions.reduce((sum, records) => sum + records, 0) / partitions.length
  const fullest = Math.max(...partitions) / mean
  const all = routes.flatMap(({ tenants }) => Object.values(tenants))
  const sum = (of: (counts: TenantCounts) => number) => all.reduce((total, counts) => total + of(counts), 0)
  const [failed, sent, captured] = [sum((one) => one.failed), sum((one) => one.sent), sum((one) => one.captured)]
  return [
    '| route, sticky by | tenant | sent | captured | shadow legs, of captured | answered, of legs | pairs judged | candidate served |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...routes.flatMap(routeRows),
    '',
    ...routes.map(
      ({ route, verdict }) => `The gate on ${route}: ${verdict.outcome}, ${verdict.reasonCode}: ${verdict.reason}.`,
    ),
    `Records by partition: ${partitions.join(', ')}; the fullest holds ${fullest.toFixed(3)} times the mean.`,
    '',
    held(`no call failed (${failed})`, failed === 0),
    held(`every call of every tenant is captured (${captured} of ${sent})`, captured === sent),
    held('partitions are balanced to a tenth', fullest < 1.1),
    '',
  ]
}

function routeRows({ route, stickyKey, tenants }: TenantRoute): readonly string[] {
  const small = Object.entries(tenants).filter(([id]) => id.startsWith('small'))
  const large = Object.entries(tenants).filter(([id]) => !id.startsWith('small'))
  const together = small.map(([, counts]) => counts).reduce(sumOf)
  const row = ([name, counts]: readonly [string, TenantCounts]) => {
    const { sent, captured, legs, legsAnswered, pairs, candidateShare } = counts
    const share = (part: number, whole: number) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`)
    const cells = [
      `${route}, ${stickyKey}`,
      name,
      sent,
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
    failed: a.failed + b.failed,
    captured,
    planned: a.planned + b.planned,
    legs: a.legs + b.legs,
    legsAnswered: a.legsAnswered + b.legsAnswered,
    pairs: a.pairs + b.pairs,
    candidateShare: captured === 0 ? 0 : served / captured,
  }
}
