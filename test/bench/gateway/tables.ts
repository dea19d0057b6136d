import { type Machine, machineLine } from '../support/machine.ts'
import type { Quantiles } from '../support/quantiles.ts'
import type { Cell, Kind } from './rounds.ts'

/** Everything that one run measured, as it is kept in gateway.json. */
export interface GatewayRun {
  readonly machine: Machine
  readonly command: string
  readonly versions: readonly string[]
  readonly secondsEach: number
  readonly cells: readonly Cell[]
  /** With Kafka killed: straight and through our gateway, in turns again. Empty when not asked for. */
  readonly dead: readonly Cell[]
  /** Largest resident set of each target, MiB. */
  readonly peakMiB: Readonly<Record<string, number>>
  /** Of the calls through the gateway whose calls are all mirrored, how many the candidate had been asked when the last was measured; null when not asked for. */
  readonly shadowShare: number | null
  /** Exchanges, bodies and answers that the tap left out before Kafka was killed and after; null when not asked for. */
  readonly drops: { readonly before: number; readonly after: number } | null
}

/** The first of a run's targets. */
export const direct = 'direct'

const names: Readonly<Record<string, string>> = {
  direct: 'straight to the model',
  nginx: 'nginx',
  node: 'Node and undici, two pipes',
  portkey: 'Portkey gateway',
  litellm: 'LiteLLM proxy',
  tap: 'Penstock, tap on',
  uncaptured: 'Penstock, path without capture',
  shadow: 'Penstock, tap on, shadow on',
  dead: 'Penstock, Kafka killed',
}

/** The run as Markdown. */
export function tablesOf(run: GatewayRun): string {
  return [
    `\`${run.command}\``,
    machineLine(run.machine, run.versions),
    `${run.secondsEach} s of each target at each rate. Milliseconds added to the same quantile of calls straight to the model, p50 / p90 / p99.`,
    '',
    ...table('JSON, whole answer', run, 'json', ({ total }) => total),
    ...table('Stream, first byte', run, 'sse', ({ firstByte }) => firstByte),
    ...table('Stream, first event', run, 'sse', ({ firstEvent }) => firstEvent),
    ...table('Stream, whole', run, 'sse', ({ total }) => total),
    ...usage(run),
    shadowLine(run),
    dropsLine(run),
  ]
    .filter((line) => line !== null)
    .join('\n')
}

function table(what: string, run: GatewayRun, kind: Kind, of: (cell: Cell) => Quantiles): readonly string[] {
  const rates = ratesOf(run)
  const row = (cells: readonly Cell[], name: string, label: string) => {
    const values = rates.map((rate) => {
      const at = (target: string) =>
        cells.find((cell) => cell.target === target && cell.rate === rate && cell.kind === kind)
      return added(at(name), at(direct), of)
    })
    return `| ${label} | ${values.join(' | ')} |`
  }
  const others = targetsOf(run.cells).filter((name) => name !== direct)
  const straight = (cells: readonly Cell[], label: string) => {
    const values = rates.map((rate) => {
      const cell = cells.find((one) => one.target === direct && one.rate === rate && one.kind === kind)
      return cell === undefined ? '' : `${triple(of(cell))} ms`
    })
    return `| ${label} | ${values.join(' | ')} |`
  }
  return [
    `| ${what} | ${rates.map((rate) => `${rate}/s`).join(' | ')} |`,
    `| --- |${rates.map(() => ' --- |').join('')}`,
    straight(run.cells, '(straight to the model)'),
    ...others.map((name) => row(run.cells, name, names[name] ?? name)),
    ...(run.dead.length === 0
      ? []
      : [straight(run.dead, '(straight, Kafka killed)'), row(run.dead, 'dead', names['dead'] ?? '')]),
    '',
  ]
}

const ratesOf = (run: GatewayRun) => [...new Set(run.cells.map(({ rate }) => rate))]
const targetsOf = (cells: readonly Cell[]) => [...new Set(cells.map(({ target }) => target))]

function added(cell: Cell | undefined, straight: Cell | undefined, of: (cell: Cell) => Quantiles): string {
  if (cell === undefined || straight === undefined) return ''
  if (cell.overloaded) return 'falls behind'
  const [own, base] = [of(cell), of(straight)]
  const values = [own.p50 - base.p50, own.p90 - base.p90, own.p99 - base.p99]
  const failed = cell.failed === 0 ? '' : ` (${cell.failed} failed)`
  return `${values.map((value) => value.toFixed(1)).join(' / ')}${failed}`
}

const triple = ({ p50, p90, p99 }: Quantiles) => [p50, p90, p99].map((value) => value.toFixed(1)).join(' / ')

function usage(run: GatewayRun): readonly string[] {
  const rates = ratesOf(run)
  const row = (cells: readonly Cell[], name: string) => {
    const values = rates.map((rate) => {
      const cell = cells.find((one) => one.target === name && one.rate === rate && one.kind === 'json')
      return cell?.overloaded === true ? 'falls behind' : (cell?.cpuSecondsPer1000?.toFixed(2) ?? '')
    })
    return `| ${names[name] ?? name} | ${values.join(' | ')} | ${run.peakMiB[name]?.toFixed(0) ?? ''} |`
  }
  return [
    `| CPU seconds per 1,000 JSON requests | ${rates.map((rate) => `${rate}/s`).join(' | ')} | peak resident, MiB |`,
    `| --- |${rates.map(() => ' --- |').join('')} --- |`,
    ...targetsOf(run.cells)
      .filter((name) => name !== direct)
      .map((name) => row(run.cells, name)),
    ...(run.dead.length === 0 ? [] : [row(run.dead, 'dead')]),
    '',
  ]
}

function shadowLine({ shadowShare, cells }: GatewayRun): string | null {
  const rate = Math.max(...cells.map((cell) => cell.rate))
  return shadowShare === null
    ? null
    : `Of the calls of the route with shadow on, the shadow service asked the candidate ${(shadowShare * 100).toFixed(0)} % by the end of the run, up to ${rate}/s; its own processor time is not in the table.`
}

function dropsLine({ drops }: GatewayRun): string | null {
  return drops === null
    ? null
    : `The tap left out ${drops.before} bodies, answers or exchanges while Kafka was up, and ${drops.after} in all with it dead.`
}
