import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resampledMean } from '../../../services/domain/stats/bootstrap/resampled-mean.ts'
import { seededRandom } from '../../../services/domain/stats/bootstrap/seeded-random.ts'
import { resampledNetWin } from '../../../services/domain/stats/bootstrap/win-tie-loss.ts'
import { normalQuantile } from '../../../services/domain/stats/special-functions/normal.ts'
import { type Timing, timed } from './timing.ts'

export const pairs = 100_000
export const resamples = 10_000
const alpha = 0.05

type Interval = readonly [number, number]

interface PeerRun {
  readonly ms: number
  readonly cpuMs: number
  readonly interval: Interval
}

interface Peers {
  readonly python: string
  readonly numpy: string
  readonly scipy: string
  readonly results: Readonly<Record<string, PeerRun>>
}

export interface BootstrapResult {
  readonly what: string
  readonly ours: Timing & { readonly interval: Interval }
  readonly peers: Peers
  /** Time of the faster scipy run over our median, on the wall and on the processor. */
  readonly timesScipy: number
  readonly timesScipyCpu: number
  /** Largest distance of an end from scipy's, in Monte-Carlo standard deviations of the difference of two such ends. */
  readonly endsApart: number
}

/** Both bootstraps of the same values, one after the other. */
export function benchBootstrap(python: string): readonly BootstrapResult[] {
  const random = seededRandom('bench')
  const outcomes = Float64Array.from({ length: pairs }, () => {
    const uniform = random.uniform()
    return uniform < 0.36 ? 1 : uniform < 0.69 ? 0 : -1
  })
  const count = (outcome: number) => outcomes.reduce((sum, value) => sum + (value === outcome ? 1 : 0), 0)
  const counts = { wins: count(1), ties: count(0), losses: count(-1) }
  const scores = Float64Array.from({ length: pairs }, () => Math.exp(normalQuantile(random.uniform())) - 1.6)
  const list = [...scores]
  const resampling = { resamples, seed: 'bench', alpha }
  const netWin = timed(9, () => resampledNetWin(counts, resampling))
  const mean = timed(3, () => resampledMean(list, resampling))
  return [
    compared('win/tie/loss, net win', { ...netWin, values: outcomes, kind: 'NETWIN' }, python),
    compared('real-valued scores, mean', { ...mean, values: scores, kind: 'SCORES' }, python),
  ]
}

function compared(
  what: string,
  own: {
    readonly timing: Timing
    readonly result: { readonly percentile: Interval; readonly error: number }
    readonly values: Float64Array
    readonly kind: string
  },
  python: string,
): BootstrapResult {
  const peers = runPeers(python, own.values, own.kind)
  const scipyRuns = Object.entries(peers.results).filter(([name]) => name.startsWith('scipy'))
  const fastest = scipyRuns.map(([, run]) => run).sort((a, b) => a.ms - b.ms)[0]
  if (fastest === undefined) throw new Error('the reference ran no scipy bootstrap')
  const interval = own.result.percentile
  // An end is a quantile of B resamples: √(q(1 − q)/B)/φ(z) standard errors.
  const z = -normalQuantile(alpha / 2)
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  const endError = (Math.sqrt(((alpha / 2) * (1 - alpha / 2)) / resamples) / density) * own.result.error
  const apart = Math.max(Math.abs(interval[0] - fastest.interval[0]), Math.abs(interval[1] - fastest.interval[1]))
  return {
    what,
    ours: { ...own.timing, interval },
    peers,
    timesScipy: fastest.ms / own.timing.medianMs,
    timesScipyCpu: fastest.cpuMs / own.timing.medianCpuMs,
    endsApart: apart / (Math.SQRT2 * endError),
  }
}

function runPeers(python: string, values: Float64Array, kind: string): Peers {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-bench-'))
  try {
    const path = join(folder, 'values.f64')
    writeFileSync(path, new Uint8Array(values.buffer))
    const script = fileURLToPath(new URL('reference_bootstrap.py', import.meta.url))
    const output = execFileSync(python, [script, path, String(resamples), kind], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return JSON.parse(output) as Peers
  } finally {
    rmSync(folder, { recursive: true })
  }
}
