import { expectedEvidence, type HalfPairs } from './half-pairs.ts'
import type { OpenPairs } from './pairing-process.ts'
import { held } from './table-parts.ts'

const n = (count: number) => count.toLocaleString('en')
const mebibyte = 2 ** 20

export function halfPairLines(all: readonly HalfPairs[]): readonly string[] {
  return [
    '| half pairs, may be open in a partition | what | s | open | given up | resident, peak, MiB | heap, MiB | heap an open pair, bytes |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...all.flatMap(rowsOf),
    '',
    ...all.flatMap(verdictsOf),
    '',
  ]
}

function rowsOf({ pairs, openMax, reading, again, due }: HalfPairs): readonly string[] {
  const row = (what: string, { seconds, at }: { readonly seconds: number; readonly at: OpenPairs }) => {
    const { open, outcomes, residentMiB, peakMiB, heapMiB } = at
    const each = open === 0 ? '–' : ((heapMiB * mebibyte) / open).toFixed(0)
    return `| ${n(pairs)}, ${n(openMax)} | ${what} | ${seconds.toFixed(1)} | ${n(open)} | ${n(outcomes['evicted'] ?? 0)} | ${residentMiB.toFixed(0)}, ${peakMiB.toFixed(0)} | ${heapMiB.toFixed(0)} | ${each} |`
  }
  return [
    row('everything read', reading),
    row('killed with -9, and everything read again', again),
    row('everything due and acknowledged', due),
  ]
}

function verdictsOf({ pairs, openMax, evidence, due, lateAnswers }: HalfPairs): readonly string[] {
  const of = `${n(pairs)} at ${n(openMax)}`
  const { records, exchanges, halves, unheard, differing } = evidence
  const whole = unheard === 0
  return [
    held(`${of}: every exchange has its last evidence (${n(exchanges)})`, exchanges === pairs),
    held(
      `${of}: it says of all but those given up that the baseline answered and the candidate was not heard of (${n(halves)}), and of those that nobody was (${n(unheard)})`,
      halves + unheard === pairs,
    ),
    ...(whole
      ? [held(`${of}: ${n(records)} records of evidence, as the join gives them`, records === expectedEvidence(pairs))]
      : []),
    held(`${of}: no id has two contents (${n(differing)})`, !whole || differing === 0),
    held(`${of}: nothing is open in the end`, due.at.open === 0),
    held(
      `${of}: ${n(lateAnswers.sent)} answers that come afterwards are counted as late (${n(lateAnswers.counted)}) and change nothing (${lateAnswers.evidence} records)`,
      lateAnswers.counted === lateAnswers.sent && lateAnswers.evidence === 0,
    ),
  ]
}
