import type { Arm, ShadowPlan } from '../../../services/domain/events/records.ts'
import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'
import { type Fate, MemoryStore } from '../../../services/platform/clickhouse/memory-store.ts'
import type { MemoryTransport } from '../../../services/platform/kafka/memory-transport.ts'
import type { OutRecord, Producer } from '../../../services/platform/kafka/transport.ts'
import { type Draw, uniforms } from '../draws.ts'
import { answerRecord, route, type Served, TwinGateway, type Visit } from './gateway.ts'
import { controllerProgram, gateProgram, openBroker, pairingProgram, sinkProgram } from './installation.ts'
import { createPeople } from './people.ts'
import type { Fault, Schedule } from './schedule.ts'
import { type Surroundings, VirtualProcess } from './virtual-process.ts'
import { VirtualTime } from './virtual-time.ts'

export const startMs = 1_800_000_000_000
/** Everything is up when the traffic begins. */
const bootMs = 2_000

/** Short stages and wide margins, so that a run of seconds can advance and be taken back; side by side: for two tenants. */
function documentOf({ legTimeoutMs, leaseMs, shadowMs, canaryMs, bakeMs, together }: Schedule): RolloutDocument {
  return {
    name: 'twin',
    route,
    change: 'model',
    baseline: { id: 'old', provider: 'p', model: 'm-1' },
    candidate: { id: 'new', provider: 'p', model: 'm-2' },
    routers: ['gateway-1', 'gateway-2'],
    stickyKey: 'session',
    shadow: {
      share: 1,
      secondLegShare: 0.5,
      startWithin: `${legTimeoutMs / 2}ms`,
      budget: { usd: 1_000, calls: 100_000 },
    },
    legTimeout: `${legTimeoutMs}ms`,
    grace: `${legTimeoutMs / 2}ms`,
    lease: `${leaseMs}ms`,
    calibrationPairs: 20,
    stages: [
      { weight: '0%', minDuration: `${shadowMs}ms` },
      { weight: '30%', minDuration: `${canaryMs}ms` },
      { weight: '100%' },
    ],
    bake: `${bakeMs}ms`,
    cooldown: '1m',
    statistics: { unitsMin: 10, stickyKeysMin: 20, exceedance: { window: '5s', countMin: 50 } },
    metrics: {
      error: { margin: { absolute: 0.4 }, assumedRate: 0.02 },
      fast_error: { margin: { absolute: 0.4 }, assumedRate: 0.02, mustHaveData: false },
      refusal: { role: 'signal' },
      fast_refusal: { role: 'signal' },
      latency_over_budget: { role: 'signal', budget: `${legTimeoutMs * 0.9}ms` },
      ttft_over_budget: { role: 'signal', budget: `${legTimeoutMs * 0.8}ms` },
      abandoned: { role: 'signal' },
    },
    ...(together === true
      ? { waves: [{ id: 'acme', match: { tenant: 'acme' } }, { id: 'rest' }], waveOrder: 'together' }
      : {}),
  }
}

export interface Outcome {
  readonly schedule: Schedule
  readonly broker: MemoryTransport
  readonly store: Pick<MemoryStore, 'rows'>
  readonly served: readonly Served[]
  /** Process → why lives of it ended that nobody killed. */
  readonly failures: Readonly<Record<string, readonly string[]>>
  readonly endMs: number
}

/**
 * Plays one schedule through the real services.
 * @param sink another one shows that its mistakes are seen
 */
export async function runSchedule(schedule: Schedule, sink: typeof sinkProgram = sinkProgram): Promise<Outcome> {
  const time = new VirtualTime(startMs)
  const uniform = uniforms(schedule.seed)
  const broker = await openBroker(time)
  const around = surroundings(time, broker, uniforms(schedule.seed + 1), schedule)
  const outage = storeOutage(uniforms(schedule.seed + 3))
  const store = new MemoryStore(outage.fate)
  const askShadow = await shadowCaller(time, broker, uniforms(schedule.seed + 2), schedule)
  const gateways = ['gateway-1', 'gateway-2'].map((name) => new TwinGateway(name, askShadow))
  const programs = [
    ...gateways.map(({ program }, index) => ({ ...program, skewMs: index === 1 ? schedule.skewMs.gateway : 0 })),
    pairingProgram('pairing-1'),
    pairingProgram('pairing-2'),
    gateProgram(schedule.skewMs.gate),
    controllerProgram('controller-1'),
    controllerProgram('controller-2'),
    sink('sink-1', store),
    sink('sink-2', store),
  ]
  const processes = new Map(programs.map((program) => [program.name, new VirtualProcess(program, around)]))
  for (const process of processes.values()) process.boot()
  await time.run(startMs + bootMs)
  const people = await createPeople(time, broker)
  people.apply(documentOf(schedule))
  const beganMs = time.nowMs
  for (const fault of schedule.faults)
    time.at(beganMs + fault.atMs, () => strike(fault, { time, broker, outage, processes }))
  for (const deed of schedule.deeds) time.at(beganMs + deed.atMs, () => people.act(deed))
  visits(time, uniform, schedule, (visit) => {
    const first = uniform() < 0.5 ? 0 : 1
    for (const index of [first, 1 - first]) {
      const gateway = gateways[index]
      const isUp = processes.get(`gateway-${index + 1}`)?.isUp === true
      if (gateway?.visit(visit, time.nowMs, isUp) === true) return
    }
  })
  const endMs = beganMs + schedule.trafficMs + schedule.settlingMs
  await time.run(endMs)
  return {
    schedule,
    broker,
    store,
    served: gateways.flatMap(({ served }) => served),
    failures: Object.fromEntries([...processes].map(([name, { failures }]) => [name, failures])),
    endMs,
  }
}

/** What goes on failing for longer is an outage, which there are faults for: the pauses between tries would take the rest of a short schedule. */
const faultsInARowMax = 4

function surroundings(time: VirtualTime, transport: MemoryTransport, uniform: Draw, schedule: Schedule): Surroundings {
  const inARow = new Map<string, number>()
  return {
    time,
    transport,
    sessionMs: schedule.sessionMs,
    latencyMs: () => 1 + Math.floor(uniform() * 6),
    transactionFault: (id) => {
      const before = inARow.get(id) ?? 0
      const isOver = time.nowMs > startMs + bootMs + schedule.transactionFaultsForMs
      const fails = uniform() < schedule.transactionFaults && before < faultsInARowMax && !isOver
      inARow.set(id, fails ? before + 1 : 0)
      if (!fails) return null
      return uniform() < 0.5 ? 'before' : 'after'
    },
  }
}

interface Outage {
  fate(): Fate
  begin(kind: 'store-away' | 'store-flaps'): void
  end(kind: 'store-away' | 'store-flaps'): void
}

const unanswered: readonly Fate[] = ['away', 'unheard', 'forgotten']
const answeredShare = 0.3

/**
 * A store that is away is one that is killed whenever it comes up: what is sent meanwhile arrives before it is up, or finds its end in the middle.
 * One that flaps is up for long enough to answer now and then.
 */
function storeOutage(uniform: Draw): Outage {
  const under = new Set<string>()
  return {
    fate() {
      if (under.size === 0) return 'answered'
      if (!under.has('store-away') && uniform() < answeredShare) return 'answered'
      return unanswered[Math.floor(uniform() * unanswered.length)] ?? 'away'
    },
    begin: (kind) => void under.add(kind),
    end: (kind) => void under.delete(kind),
  }
}

interface Struck {
  readonly time: VirtualTime
  readonly broker: MemoryTransport
  readonly outage: Outage
  readonly processes: ReadonlyMap<string, VirtualProcess>
}

function strike(fault: Fault, { time, broker, outage, processes }: Struck): void {
  switch (fault.kind) {
    case 'replica-behind':
      broker.replicaBehind()
      time.after(fault.forMs, () => broker.replicaBack())
      break
    case 'broker-stall':
      broker.stall()
      time.after(fault.forMs, () => broker.unstall())
      break
    case 'store-away':
    case 'store-flaps': {
      const { kind } = fault
      outage.begin(kind)
      time.after(fault.forMs, () => outage.end(kind))
      break
    }
    case 'kill':
      processes.get(fault.process)?.kill(fault.forMs)
      break
    default:
      processes.get(fault.process)?.pause(fault.forMs)
  }
}

/** Users come one by one, each twice or so; from the middle on the candidate fails them when the schedule says so. */
function visits(time: VirtualTime, uniform: Draw, schedule: Schedule, each: (visit: Visit) => void): void {
  const beganMs = time.nowMs
  let serial = 0
  const next = () => {
    if (time.nowMs >= beganMs + schedule.trafficMs) return
    const harmed = schedule.harm === 'errors' && time.nowMs > beganMs + schedule.trafficMs / 2
    const answer = (arm: Arm) => ({
      failed: uniform() < (arm === 'candidate' && harmed ? 0.8 : 0.02),
      durationMs: schedule.legTimeoutMs * 0.05 + Math.floor(uniform() * schedule.legTimeoutMs * 0.3),
    })
    const user = Math.floor(serial * 0.6)
    each({
      id: `x${serial}`,
      user: `user-${user}`,
      tenant: schedule.together === true && user % 2 === 1 ? 'globex' : 'acme',
      answers: { baseline: answer('baseline'), candidate: answer('candidate') },
    })
    serial += 1
    time.after(1 + Math.floor((-Math.log(1 - uniform()) * 1_000) / schedule.perSecond), next)
  }
  next()
}

/** The shadow service, which this schedule leaves alone: it answers every planned leg, some late, twice, out of order or never. */
async function shadowCaller(
  time: VirtualTime,
  broker: MemoryTransport,
  uniform: Draw,
  { oddities, legTimeoutMs }: Schedule,
): Promise<(plan: ShadowPlan, visit: Visit) => void> {
  const producer: Producer = await broker.producer()
  const send = (record: OutRecord) => void producer.send([record]).catch(() => undefined)
  return (plan, visit) => {
    for (const { arm } of plan.legs) {
      const { failed, durationMs } = visit.answers[arm]
      const drawn = { odd: uniform(), delay: uniform() }
      if (drawn.odd < oddities.missing) continue
      const isLate = drawn.odd < oddities.missing + oddities.late
      const isShuffled = drawn.odd > 1 - oddities.shuffled
      const delayMs = isLate ? (3 + drawn.delay * 3) * legTimeoutMs : isShuffled ? 0 : durationMs + 20
      const answer = () => send(answerRecord(visit, arm, 'shadow', time.nowMs, failed))
      time.after(delayMs, answer)
      if (uniform() < oddities.twice) time.after(delayMs + drawn.delay * 5 * legTimeoutMs, answer)
    }
  }
}
