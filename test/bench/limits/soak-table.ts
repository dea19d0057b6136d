import type { SoakResults } from './soak.ts'
import { held } from './table-parts.ts'

/** V8's own bound of the heap on a machine with 16 GiB and more. */
const heapLimitMiB = 4_288
/** What a day may add and still be called flat: so that a process that is restarted once in four days never comes near its bound. */
const flatPerDayMiB = heapLimitMiB / 4
const lineEvery = 5

export function soakLines(results: SoakResults): readonly string[] {
  const { lines, trends, restarts, failed, sent, runs } = results
  const services = Object.keys(trends).sort()
  const row = (minute: number) => {
    const line = lines[minute - 1] ?? {}
    const cells = services.map((service) => {
      const seen = line[service]
      return seen === undefined ? '–' : `${seen.residentMiB.toFixed(0)} / ${seen.heapMiB.toFixed(0)}`
    })
    return `| ${minute} | ${cells.join(' | ')} |`
  }
  const minutes = lines.map((_, index) => index + 1).filter((minute) => minute === 1 || minute % lineEvery === 0)
  return [
    `${sent.toLocaleString('en')} calls, ${runs} runs came and went. The least of each minute, MiB resident / heap:`,
    '',
    `| minute | ${services.join(' | ')} |`,
    `| --- |${' --- |'.repeat(services.length)}`,
    ...minutes.map(row),
    '',
    '| over the last half | heap, least to most, MiB | heap a day, MiB | resident, least to most | resident a day |',
    '| --- | --- | --- | --- | --- |',
    ...services.map((service) => {
      const { heap, resident } = trends[service] ?? { heap: none, resident: none }
      const of = ({ least, most, perDay }: typeof none) =>
        `${least.toFixed(1)} to ${most.toFixed(1)} | ${perDay.toFixed(0)}`
      return `| ${service} | ${of(heap)} | ${of(resident)} |`
    }),
    '',
    held(`no call failed (${failed})`, failed === 0),
    held(`no process ended (${restarts})`, restarts === 0),
    ...services.map((service) => flatness(service, trends[service]?.heap.perDay ?? Number.NaN)),
    '',
  ]
}

function flatness(service: string, perDay: number): string {
  if (Number.isNaN(perDay)) return `- the heap of ${service} is flat: too short to say.`
  const bound = `below a quarter of V8's bound, ${flatPerDayMiB.toFixed(0)}`
  return held(`the heap of ${service} is flat (${perDay.toFixed(0)} MiB a day, ${bound})`, perDay < flatPerDayMiB)
}

const none = { least: Number.NaN, most: Number.NaN, perDay: Number.NaN }
