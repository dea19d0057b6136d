import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServiceName, serviceNames, type TestInstallation } from '../../support/service-installation.ts'
import { type MetricsPage, readMetrics } from '../support/prometheus.ts'

/** How all services stand at one moment, as they say themselves. */
export interface Look {
  /** MiB; a service that does not answer is not there. */
  readonly memory: Readonly<Partial<Record<ServiceName, { readonly residentMiB: number; readonly heapMiB: number }>>>
  /** Records that are there and not handled. */
  readonly lag: Readonly<Partial<Record<ServiceName, number>>>
  /** Seconds by which pairing, the gate's frontier and the store are behind. */
  readonly behindS: { readonly pairing: number; readonly gate: number; readonly sink: number }
  /** Left out by the tap so far, by what. */
  readonly tapDrops: Readonly<Record<string, number>>
  /** Exchanges that the tap has not sent yet. */
  readonly tapWaiting: number
  /** Shadow legs so far: as they ended, and why where they were skipped. */
  readonly shadowLegs: Readonly<Record<string, number>>
  /** Exchanges that pairing gave up so far. */
  readonly evicted: number
  /** The gateway's own answers to its callers so far. */
  readonly requests: Readonly<Record<string, number>>
  /** What is said at /readyz: `service: name`. */
  readonly said: readonly string[]
}

const services = serviceNames
const mebibyte = 2 ** 20

export async function lookAt(penstock: TestInstallation): Promise<Look> {
  const pages = new Map<ServiceName, MetricsPage>()
  const said: string[] = []
  await Promise.all(
    services.map(async (service) => {
      const page = await penstock.metrics(service).catch(() => null)
      if (page !== null) pages.set(service, readMetrics(page))
      const ready = await penstock.readiness(service).catch(() => null)
      if (page === null || ready === null) said.push(`${service}: does not answer`)
      for (const { name } of [...(ready?.reasons ?? []), ...(ready?.notes ?? [])]) said.push(`${service}: ${name}`)
    }),
  )
  const each = <T>(of: (page: MetricsPage) => T) =>
    Object.fromEntries([...pages].map(([service, page]) => [service, of(page)])) as Partial<Record<ServiceName, T>>
  const sum = (service: ServiceName, metric: string) => pages.get(service)?.sum(metric) ?? Number.NaN
  const memoryOf = (page: MetricsPage, of: string) => page.sum('penstock_memory_bytes', { of }) / mebibyte
  return {
    memory: each((page) => ({ residentMiB: memoryOf(page, 'resident'), heapMiB: memoryOf(page, 'heap') })),
    lag: each((page) => page.sum('penstock_kafka_lag_records')),
    behindS: {
      pairing: sum('pairing', 'penstock_pairing_behind_seconds'),
      gate: sum('gate-evaluator', 'penstock_gate_frontier_behind_seconds'),
      sink: pages.get('sink')?.largest('penstock_sink_behind_seconds') ?? Number.NaN,
    },
    tapDrops: pages.get('gateway')?.by('penstock_tap_drops_total', ['what']) ?? {},
    tapWaiting: sum('gateway', 'penstock_tap_waiting_exchanges'),
    shadowLegs: pages.get('shadow')?.by('penstock_shadow_legs_total', ['resolution', 'why']) ?? {},
    evicted: pages.get('pairing')?.sum('penstock_pairing_exchanges', { outcome: 'evicted' }) ?? Number.NaN,
    requests: pages.get('gateway')?.by('penstock_gateway_requests_total', ['outcome']) ?? {},
    said: said.sort(),
  }
}

/** What later counters say more than earlier ones; what has not grown is left out. */
export function grown(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const differences = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
  return Object.fromEntries(differences.filter(([, value]) => value > 0))
}

/** Warnings and errors in the services' logs, `service: message`, and how often. */
export function loggedIn(penstock: TestInstallation): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const service of services) {
    for (const line of readFileSync(join(penstock.dir, `${service}.log`), 'utf8').split('\n')) {
      const entry = entryOf(line)
      if (entry === null || entry.level < warnLevel) continue
      const name = `${service}: ${entry.msg}`
      counts[name] = (counts[name] ?? 0) + 1
    }
  }
  return counts
}

const warnLevel = 40

function entryOf(line: string): { readonly level: number; readonly msg: string } | null {
  try {
    const { level, msg } = JSON.parse(line) as { readonly level?: unknown; readonly msg?: unknown }
    return typeof level === 'number' && typeof msg === 'string' ? { level, msg } : null
  } catch {
    return null
  }
}
