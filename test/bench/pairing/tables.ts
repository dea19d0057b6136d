import { type Machine, machineLine } from '../support/machine.ts'
import type { Size } from './exchanges.ts'
import type { Result } from './race.ts'

/** All that one run measured; sizes that were measured before are kept. */
export interface PairingRun {
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
  readonly results: readonly Result[]
}

const peers = ['Kafka Streams 4.1.1 (one stream thread)', 'Java 17', 'kafkajs 2.2.4', 'Kafka 4.1.1']
const goalPeer = 'Kafka Streams, facts first, at least once'

export function tablesOf({ machine, command, evidencePerPair, metrics, metricsComputed, cells }: PairingRun): string {
  const rows = cells.flatMap(({ size, results }) =>
    results.map(({ name, pairs, pairsPerSecond, cpuSecondsPerMillion, peakMiB }) =>
      [
        '',
        sizeName(size),
        name,
        grouped(pairs),
        grouped(pairsPerSecond),
        grouped(cpuSecondsPerMillion),
        grouped(peakMiB),
        '',
      ]
        .join(' | ')
        .trim(),
    ),
  )
  return [
    `\`${command}\``,
    machineLine(machine, peers),
    '',
    `Penstock's plan has ${metrics} metrics, of which it computes ${metricsComputed} here, and it writes ${evidencePerPair} records of evidence a pair; every other row writes one record a pair, or none.`,
    '',
    '| bodies | who | pairs | pairs/s | CPU-s per million pairs | peak MiB |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    ...cells.map(goalLine),
  ].join('\n')
}

function goalLine({ size, results }: PairingCell): string {
  const ours = results.find(({ name }) => name.startsWith('Penstock'))
  const theirs = results.find(({ name }) => name === goalPeer)
  if (ours === undefined || theirs === undefined) return `- ${sizeName(size)}: goal not measured.`
  const speed = ours.pairsPerSecond / theirs.pairsPerSecond
  const cpu = ours.cpuSecondsPerMillion / theirs.cpuSecondsPerMillion
  const verdict = (met: boolean) => (met ? 'met' : 'missed')
  return `- ${sizeName(size)}: ${speed.toFixed(2)} times the pairs/s of facts-first Kafka Streams (${verdict(speed > 1)}), ${cpu.toFixed(2)} times its CPU (${verdict(cpu < 1)}).`
}

function sizeName(size: Size): string {
  return size === 'mix' ? 'mix' : `${size} KB`
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
