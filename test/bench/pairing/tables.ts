import { type Machine, machineLine } from '../support/machine.ts'
import { quantilesOf } from '../support/quantiles.ts'
import { goalPeer, penstock } from './contestants.ts'
import type { Size } from './exchanges.ts'
import type { Race } from './race.ts'

/** All that was measured; sizes that were measured before are kept. */
export interface PairingResults {
  readonly machine: Machine
  readonly command: string
  readonly evidencePerPair: number
  /** Of the plan, and those of them that have a value in evidence. */
  readonly metrics: number
  readonly metricsComputed: number
  readonly cells: readonly PairingCell[]
}

export interface PairingCell {
  readonly size: Size
  /** Races of one contestant by round. */
  readonly results: readonly { readonly name: string; readonly races: readonly Race[] }[]
}

const peers = ['Kafka Streams 4.1.1 (one stream thread)', 'Java 17', 'kafkajs 2.2.4', 'Kafka 4.1.1']

export function tablesOf(results: PairingResults): string {
  const { machine, command, evidencePerPair, metrics, metricsComputed, cells } = results
  return [
    `\`${command}\``,
    machineLine(machine, peers),
    '',
    `Penstock's plan has ${metrics} metrics, of which it computes ${metricsComputed} here, and it writes ${evidencePerPair} records of evidence a pair; every other row writes one record a pair, or none.`,
    '',
    '| bodies | who | pairs | races | pairs/s | slowest, fastest | CPU-s per million pairs | peak MiB |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...cells.flatMap(rowsOf),
    '',
    ...cells.map(goalLine),
  ].join('\n')
}

function rowsOf({ size, results }: PairingCell): readonly string[] {
  return results.map(({ name, races }) => {
    const rates = races.map(({ pairsPerSecond }) => pairsPerSecond)
    const cells = [
      sizeName(size),
      name,
      grouped(races[0]?.pairs ?? Number.NaN),
      String(races.length),
      grouped(medianOf(rates)),
      races.length === 1 ? '' : `${grouped(Math.min(...rates))}, ${grouped(Math.max(...rates))}`,
      grouped(medianOf(races.map(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion))),
      grouped(Math.max(...races.map(({ peakMiB }) => peakMiB))),
    ]
    return `| ${cells.join(' | ')} |`
  })
}

/** By the median of the rounds: both of a round had the same servers and the same minutes. */
function goalLine({ size, results }: PairingCell): string {
  const racesOf = (wanted: string) => results.find(({ name }) => name === wanted)?.races ?? []
  const theirs = racesOf(goalPeer.name)
  const ratios = (of: (race: Race) => number) =>
    racesOf(penstock.name).flatMap((ours, round) => {
      const peer = theirs[round]
      return peer === undefined ? [] : [of(ours) / of(peer)]
    })
  const speeds = ratios(({ pairsPerSecond }) => pairsPerSecond)
  if (speeds.length === 0) return `- ${sizeName(size)}: goal not measured.`
  const costs = ratios(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion)
  const speed = said(speeds, (median) => median > 1)
  const cost = said(costs, (median) => median < 1)
  return `- ${sizeName(size)}: times the pairs/s of facts-first Kafka Streams ${speed}; times its CPU ${cost}.`
}

function said(ratios: readonly number[], isMet: (median: number) => boolean): string {
  const median = medianOf(ratios)
  const rounds = ratios.map((ratio) => ratio.toFixed(2)).join(', ')
  return `${median.toFixed(2)} (${isMet(median) ? 'met' : '**missed**'}; by round ${rounds})`
}

function medianOf(values: readonly number[]): number {
  return quantilesOf(values).p50
}

function sizeName(size: Size): string {
  return size === 'mix' ? 'mix' : `${size} KB`
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
