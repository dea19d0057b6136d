import type { Quantiles } from '../support/quantiles.ts'
import type { Look } from './look.ts'

export const ms = ({ p50, p99 }: Quantiles) => `${p50.toFixed(0)} / ${p99.toFixed(0)}`

/** "body 3, exchange 5", or "none". */
export function counted(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
  return parts.length === 0 ? 'none' : parts.join(', ')
}

/** "holds", or how it does not. */
export function held(what: string, holds: boolean): string {
  return `- ${what}: ${holds ? 'holds' : '**does not hold**'}.`
}

/** Resident memory and heap of each service in turn, the most of several looks, MiB. */
export function memoryRows(looks: readonly (readonly [name: string, look: readonly Look[]])[]): readonly string[] {
  const names = [...new Set(looks.flatMap(([, seen]) => seen.flatMap((look) => Object.keys(look.memory))))].sort()
  const most = (seen: readonly Look[], service: string, of: 'residentMiB' | 'heapMiB') =>
    Math.max(...seen.map(({ memory }) => memory[service as keyof typeof memory]?.[of] ?? 0)).toFixed(0)
  const row = (service: string) => {
    const cells = looks.map(([, seen]) => `${most(seen, service, 'residentMiB')} / ${most(seen, service, 'heapMiB')}`)
    return `| ${service} | ${cells.join(' | ')} |`
  }
  return [
    `| most memory, MiB resident / heap | ${looks.map(([name]) => name).join(' | ')} |`,
    `| --- |${' --- |'.repeat(looks.length)}`,
    ...names.map(row),
  ]
}
