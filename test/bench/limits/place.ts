import type { ServiceInstallationOptions } from '../../support/service-installation.ts'
import { type LoadGenerator, startLoadGenerator, startModel } from '../support/children.ts'
import type { Sample } from '../support/load-generator.ts'
import { baselineModel, freeOfCharge } from '../support/model-names.ts'
import { Closers, type OpenPenstock, openPenstock } from '../support/open-penstock.ts'

/** A whole Penstock, with the model and whoever asks it in processes of their own. */
export interface Place extends OpenPenstock {
  /** Calls by the schedule, whatever comes of them. */
  ask(options: AskOptions): Promise<readonly Sample[]>
  /** The same straight to the model. */
  askStraight(options: Pick<AskOptions, 'perSecond' | 'seconds'>): Promise<readonly Sample[]>
  stop(): Promise<void>
}

export interface AskOptions {
  readonly route: string
  readonly perSecond: number
  readonly seconds: number
  /** People of its own number who ask in turn. */
  readonly people: number
  /** When the first of them asks, ms. Default: at once. */
  readonly beginMs?: number
  /** Default: the first. */
  readonly tenant?: string
}

type Schedule = Pick<AskOptions, 'perSecond' | 'seconds' | 'beginMs'>

export interface PlaceOptions {
  readonly routes: readonly string[]
  readonly tenants?: ServiceInstallationOptions['tenants']
}

/** As a gateway has it that waits for models; the runs' own leg timeout is shorter. */
const legTimeoutMs = 60_000
/** More than the gateway lets be under way, and far fewer than a flood would open: whoever balances load has a bound, too. */
const underWayMax = 2_500
/** Longer than any call may take: what fails does so by itself. */
const patienceMs = 90_000
const question = 'Tell me in a few sentences what has to be known before a bridge is built over a river that floods. '
const asked = question.repeat(10)

export async function openPlace({ routes, tenants }: PlaceOptions): Promise<Place> {
  const closers = new Closers()
  try {
    const model = await startModel()
    closers.add(() => model.stop())
    const load: LoadGenerator = startLoadGenerator()
    closers.add(() => load.stop())
    const modelUrl = `http://127.0.0.1:${model.port}/v1`
    const open = await openPenstock(closers, () => ({
      name: 'limits',
      providers: {
        providers: [{ id: 'bench', baseUrl: modelUrl, prices: freeOfCharge(routes) }],
        routes: routes.map((id) => ({ id, default: { id: 'old', provider: 'bench', model: baselineModel(id) } })),
      },
      ...(tenants === undefined ? {} : { tenants }),
      environment: { gateway: { PENSTOCK_GATEWAY_LEG_TIMEOUT_MS: String(legTimeoutMs) } },
    }))
    const { gatewayUrl, tenantToken, tenantTokens } = open.penstock
    const turn = (url: string, route: string, of: Schedule) => ({
      url: `${url}/chat/completions`,
      body: JSON.stringify({ model: baselineModel(route), messages: [{ role: 'user', content: asked }] }),
      offsetsMs: offsetsOf(of),
      patienceMs,
    })
    return {
      ...open,
      ask({ route, tenant, people, ...of }) {
        const token = tenant === undefined ? tenantToken : (tenantTokens[tenant] ?? '')
        const headers = {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'x-penstock-route': route,
        }
        return load.run({ ...turn(gatewayUrl, route, of), headers, people, underWayMax })
      },
      askStraight: (of) =>
        load.run({ ...turn(modelUrl, 'straight', of), headers: { 'content-type': 'application/json' } }),
      stop: () => closers.close(),
    }
  } catch (error) {
    await closers.close()
    throw error
  }
}

function offsetsOf({ perSecond, seconds, beginMs = 0 }: Schedule): readonly number[] {
  return Array.from({ length: Math.round(perSecond * seconds) }, (_, index) => beginMs + (index * 1_000) / perSecond)
}
