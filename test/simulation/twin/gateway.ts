import type { Arm, Place, Request, Response, ShadowPlan, Split } from '../../../services/domain/events/records.ts'
import { planShadow } from '../../../services/domain/sampling/plan-shadow.ts'
import { topics } from '../../../services/flow.ts'
import { ackEmitter, createAcks } from '../../../services/gateway/acks.ts'
import { type ControlState, createControlState } from '../../../services/gateway/control-state.ts'
import type { KeptControl } from '../../../services/gateway/kept-control.ts'
import { watchControl } from '../../../services/gateway/watch-control.ts'
import type { OutRecord, Producer } from '../../../services/platform/kafka/transport.ts'
import type { Scope } from '../../../services/platform/lifecycle/scope.ts'
import { request, response } from '../../integration/clickhouse-rows.ts'
import { codec } from './installation.ts'
import type { Program } from './virtual-process.ts'

export const route = 'chat'

/** What one request of a user is to meet. */
export interface Visit {
  readonly id: string
  readonly user: string
  readonly tenant: string
  /** How the model answers on each arm. */
  readonly answers: Readonly<Record<Arm, { readonly failed: boolean; readonly durationMs: number }>>
}

/** Called with the plan of every visit that gets shadow calls. */
export type AskShadow = (plan: ShadowPlan, visit: Visit) => void

/** Where a visit went, and when. */
export interface Served {
  readonly atMs: number
  readonly gateway: string
  readonly arm: Arm
  readonly place: Place | null
}

interface Serving {
  readonly scope: Scope
  readonly control: ControlState
  readonly producer: Producer
}

/** The part of a gateway that routes, captures and acks; what it keeps on disk outlives it. */
export class TwinGateway {
  readonly program: Program
  readonly served: Served[] = []
  readonly #name: string
  readonly #disk: KeptControl = { splits: {}, latches: {}, kills: {} }
  readonly #askShadow: AskShadow
  #serving: Serving | null = null

  constructor(name: string, askShadow: AskShadow) {
    this.#name = name
    this.#askShadow = askShadow
    this.program = { name, start: (scope, transport) => this.#start(scope, transport) }
  }

  async #start(scope: Scope, transport: Parameters<Program['start']>[1]): Promise<void> {
    this.#serving = null
    const kept = structuredClone(this.#disk)
    const file = {
      read: () => kept,
      save: (now: KeptControl) => void Object.assign(this.#disk, structuredClone(now)),
      stop: async () => undefined,
    }
    const control = createControlState({ clock: scope.clock, file })
    const producer = await transport.producer()
    const emit = ackEmitter(producer, () => codec)
    const acks = createAcks({
      router: this.#name,
      providers: new Set(['p']),
      routes: new Set([route]),
      hasPrompt: () => true,
      control,
      clock: scope.clock,
      log: scope.log,
      emit,
    })
    watchControl(
      scope,
      transport,
      async () => codec,
      control,
      () => {
        acks.send(false)
        control.persist()
      },
    )
    scope.timers.every(250, () => acks.send(false))
    scope.timers.every(10_000, () => acks.send(true))
    this.#serving = { scope, control, producer }
  }

  /** Serves one visit; false when the process is not up. `nowMs` is the true time. */
  visit(visit: Visit, nowMs: number, isUp: boolean): boolean {
    const serving = this.#serving
    if (serving === null || !isUp) return false
    const { control, scope, producer } = serving
    const routed = control.route(route, { tenant: visit.tenant, segments: {}, unit: visit.user })
    this.served.push({ atMs: nowMs, gateway: this.#name, arm: routed.arm, place: routed.place })
    const split = control.split(route)
    const asked = requestOf(visit, routed, scope.clock.nowMs())
    const plan = split === null ? null : shadowPlanOf(asked, split, nowMs, routed.assignment === 'latched')
    const send = (record: OutRecord) => void producer.send([record]).catch(() => undefined)
    send(exchangeRecord(visit.id, codec.encode('Request', { ...asked, shadow_plan: plan })))
    if (plan !== null && plan.legs.length > 0) this.#askShadow(plan, visit)
    const { failed, durationMs } = visit.answers[routed.arm]
    scope.timers.wait(durationMs, scope.signal).then(
      () => send(answerRecord(visit, routed.arm, 'live', scope.clock.nowMs(), failed)),
      () => undefined,
    )
    return true
  }
}

function exchangeRecord(id: string, value: Buffer): OutRecord {
  return { topic: topics.exchanges.name, key: id, value }
}

/** An answer as its leg's producer writes it; its times are of that producer's clock. */
export function answerRecord(
  visit: Visit,
  arm: Arm,
  leg: 'live' | 'shadow',
  endedMs: number,
  failed: boolean,
): OutRecord {
  const { durationMs } = visit.answers[arm]
  const answer: Response = {
    ...response(visit.id, arm, leg, failed ? '' : `answer to ${visit.id}`),
    attempt_id: `${visit.id}-${arm}-${leg}`,
    started_at: endedMs - durationMs,
    first_token_at: failed ? null : endedMs - Math.floor(durationMs / 2),
    ended_at: endedMs,
    ...(failed ? { resolution: 'failed' as const, error_class: 'upstream', status: 500, finish_reason: null } : {}),
  }
  return exchangeRecord(visit.id, codec.encode('Response', answer))
}

function requestOf(visit: Visit, routed: ReturnType<ControlState['route']>, nowMs: number): Request {
  return {
    ...request(visit.id, routed.arm),
    route,
    assignment: routed.assignment,
    place: routed.place,
    tenant: visit.tenant,
    session: visit.user,
    assignment_unit: visit.user,
    segments: {},
    arrived_at: nowMs,
    body: Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: visit.id }] })),
  }
}

function shadowPlanOf(asked: Request, split: Split, nowMs: number, blocked: boolean): ShadowPlan | null {
  return planShadow(asked, split, { blocked, arrivalMs: nowMs })
}
