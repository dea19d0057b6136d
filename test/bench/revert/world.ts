import { join } from 'node:path'
import { baselineModel, freeOfCharge } from '../support/model-names.ts'
import { Closers, type OpenPenstock, openPenstock } from '../support/open-penstock.ts'
import { type Arrival, type BenchModel, startBenchModel } from './model-server.ts'
import { type SteadyTraffic, startSteadyTraffic } from './steady-traffic.ts'

/** A whole Penstock with a model behind it that says who was asked. */
export interface World extends OpenPenstock {
  readonly model: BenchModel
  /** Calls that reached the models since they were last forgotten, in order. */
  readonly arrivals: Arrival[]
  /** While this file exists the gateway gives the candidate nothing. */
  readonly killFile: string
  traffic(route: string, perSecond: number, people: number | null): SteadyTraffic
  stop(): Promise<void>
}

/** @param routes each serves the baseline until a run splits it */
export async function openWorld(routes: readonly string[]): Promise<World> {
  const closers = new Closers()
  try {
    const arrivals: Arrival[] = []
    const model = await startBenchModel((arrival) => void arrivals.push(arrival))
    closers.add(() => model.stop())
    const killFileIn = (dir: string) => join(dir, 'kill')
    const open = await openPenstock(closers, (stackDir) => ({
      name: 'revert',
      providers: {
        providers: [{ id: 'bench', baseUrl: model.baseUrl, prices: freeOfCharge(routes) }],
        routes: routes.map((id) => ({ id, default: { id: 'old', provider: 'bench', model: baselineModel(id) } })),
      },
      environment: { gateway: { PENSTOCK_GATEWAY_KILL_FILE: killFileIn(stackDir) } },
    }))
    const traffic: World['traffic'] = (route, perSecond, people) => {
      const { gatewayUrl: url, tenantToken: token } = open.penstock
      const started = startSteadyTraffic({ url, token, route, perSecond, people })
      closers.add(() => started.stop())
      return started
    }
    return { ...open, model, arrivals, killFile: killFileIn(open.stack.dir), traffic, stop: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}
