import { seededRandom } from '../../../services/domain/stats/bootstrap/seeded-random.ts'
import type { LoadGenerator } from '../support/children.ts'
import type { Sample } from '../support/load-generator.ts'
import { usageOf } from '../support/process-usage.ts'
import { type Quantiles, quantilesOf } from '../support/quantiles.ts'
import type { Target } from './place.ts'

export const kinds = ['json', 'sse'] as const
export type Kind = (typeof kinds)[number]

/** One target at one rate, in milliseconds from when a request was to be sent. */
export interface Cell {
  readonly target: string
  readonly rate: number
  readonly kind: Kind
  readonly failed: number
  readonly late: Quantiles
  readonly firstByte: Quantiles
  readonly firstEvent: Quantiles
  readonly total: Quantiles
  /** CPU seconds of the target's processes per 1,000 requests; null where it has none. */
  readonly cpuSecondsPer1000: number | null
  /** It fell behind, and was asked no more at this rate and higher ones. */
  readonly overloaded: boolean
}

export interface RoundsOptions {
  readonly rates: readonly number[]
  /** Of each target at each rate and kind. */
  readonly seconds: number
  readonly load: LoadGenerator
  onProgress(text: string): void
}

/** Targets take turns of about this length, so that what else the machine does hits all alike. */
const turnMs = 2_000
/** A gateway that has served for minutes has its code compiled, which takes thousands of calls; at the rates measured it would take most of the run. */
const warmingCalls = 4_000
const warmingRate = 200
/** Asked before each turn's measured part: connections that idled are opened again, and what the last target left behind ends. */
const leadMs = 300
/** So much slower than straight to the model, and a target is behind for good. */
const behindMs = 500
const failedShareMax = 0.01

interface Heap {
  readonly samples: Sample[]
  requests: number
  cpuSeconds: number
}

/** Asks every target at every rate, JSON and then streams, in turns. The first target is the one that the others are compared with. */
export async function runRounds(targets: readonly Target[], options: RoundsOptions): Promise<readonly Cell[]> {
  const { rates, seconds, load, onProgress } = options
  const rounds = Math.max(1, Math.round((seconds * 1_000) / turnMs))
  const overloaded = new Map<string, number>()
  const cells: Cell[] = []
  for (const kind of kinds) {
    overloaded.clear()
    onProgress(`${kind}: warming up`)
    await warmUp(targets, kind, load)
    for (const rate of rates) {
      const heaps = new Map(targets.map(({ name }) => [name, { samples: [], requests: 0, cpuSeconds: 0 } as Heap]))
      for (let round = 0; round < rounds; round += 1) {
        onProgress(`${kind} at ${rate}/s: round ${round + 1} of ${rounds}`)
        const offsetsMs = scheduleOf(rate, (seconds * 1_000) / rounds, `${kind}-${rate}-${round}`)
        // Who comes first changes, so that nobody always follows the same one.
        const order = targets
          .map((_, index) => targets[(index + round) % targets.length])
          .filter((one) => one !== undefined)
        for (const target of order) {
          if ((overloaded.get(target.name) ?? Number.POSITIVE_INFINITY) <= rate) continue
          const heap = heaps.get(target.name) as Heap
          const turn = await takeTurn(target, kind, offsetsMs, load)
          heap.samples.push(...turn.samples)
          heap.requests += offsetsMs.length
          heap.cpuSeconds += turn.cpuSeconds
          if (isBehind(turn.samples)) overloaded.set(target.name, rate)
        }
      }
      for (const target of targets) {
        const behind = (overloaded.get(target.name) ?? Number.POSITIVE_INFINITY) <= rate
        cells.push(cellOf(target, { rate, kind, overloaded: behind }, heaps.get(target.name) as Heap))
      }
    }
  }
  return cells
}

/** Compiled code, open connections: none of it belongs to what a running gateway adds. Who falls behind is warm as it is. */
async function warmUp(targets: readonly Target[], kind: Kind, load: LoadGenerator): Promise<void> {
  for (const target of targets) {
    const slowly = await takeTurn(target, kind, scheduleOf(warmingRate / 4, turnMs, 'warm'), load)
    if (isBehind(slowly.samples)) continue
    for (let calls = 0, turn = 0; calls < warmingCalls; turn += 1) {
      const offsetsMs = scheduleOf(warmingRate, turnMs, `warmer-${turn}`)
      const { samples } = await takeTurn(target, kind, offsetsMs, load)
      if (isBehind(samples)) break
      calls += offsetsMs.length
    }
  }
}

/** Arrivals of a Poisson process, the same for every target of a round. */
function scheduleOf(rate: number, measuredMs: number, seed: string): number[] {
  const random = seededRandom(seed)
  const offsets: number[] = []
  for (let atMs = 0; ; ) {
    atMs += (-Math.log(1 - random.uniform()) * 1_000) / rate
    if (atMs > leadMs + measuredMs) return offsets
    offsets.push(atMs)
  }
}

const prompt = 'Tell me in a few sentences what has to be known before a bridge is built over a river that floods. '

async function takeTurn(
  target: Target,
  kind: Kind,
  offsetsMs: readonly number[],
  load: LoadGenerator,
): Promise<{ readonly samples: readonly Sample[]; readonly cpuSeconds: number }> {
  const messages = [
    { role: 'system', content: 'You answer briefly and say what you do not know.' },
    { role: 'user', content: prompt.repeat(10) },
  ]
  const body = JSON.stringify({ model: target.model, messages, ...(kind === 'sse' ? { stream: true } : {}) })
  const cpuSeconds = () => target.pids.reduce((sum, pid) => sum + usageOf(pid).cpuSeconds, 0)
  const before = cpuSeconds()
  const samples = await load.run({ url: target.url, headers: target.headers, body, offsetsMs })
  return { samples: samples.filter(({ offsetMs }) => offsetMs >= leadMs), cpuSeconds: cpuSeconds() - before }
}

function isBehind(samples: readonly Sample[]): boolean {
  const failed = samples.filter(({ answer }) => answer === null).length
  const late = quantilesOf(samples.flatMap(({ answer }) => (answer === null ? [] : [answer.totalMs])))
  return failed > samples.length * failedShareMax || late.p50 > behindMs
}

function cellOf(target: Target, of: Pick<Cell, 'rate' | 'kind' | 'overloaded'>, heap: Heap): Cell {
  const answers = heap.samples.flatMap(({ answer }) => (answer === null ? [] : [answer]))
  return {
    target: target.name,
    ...of,
    failed: heap.samples.length - answers.length,
    late: quantilesOf(heap.samples.map(({ lateMs }) => lateMs)),
    firstByte: quantilesOf(answers.map(({ firstByteMs }) => firstByteMs)),
    firstEvent: quantilesOf(answers.map(({ firstEventMs }) => firstEventMs)),
    total: quantilesOf(answers.map(({ totalMs }) => totalMs)),
    cpuSecondsPer1000:
      target.pids.length === 0 || heap.requests === 0 ? null : (heap.cpuSeconds / heap.requests) * 1_000,
  }
}
