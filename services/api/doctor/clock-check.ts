import type { Signs } from '../signs.ts'
import { type Check, count, listed, ok, seconds, warn } from './check.ts'

/** One clock against that of this host: positive is ahead of it. */
export interface ClockDifference {
  readonly whose: string
  readonly aheadMs: number
}

/** Above this a difference is no network any more. */
const toleratedMs = 2_000
const fix =
  'no verdict hangs on it, but ages and times in answers do: keep time by NTP on that host (or on the one of the API, if all differ alike)'

/** What a question to a server says of its clock: its answer was made somewhere between asking and hearing. */
export function measured(whose: string, askedAtMs: number, theirsMs: number, heardAtMs: number): ClockDifference {
  return { whose, aheadMs: theirsMs - (askedAtMs + heardAtMs) / 2 }
}

/** What signs of life say: the broker against this host, and each sender against the broker. */
export function differencesOf(signs: Signs): readonly ClockDifference[] {
  const heard = [
    ...signs.beats().map(({ beat, sign }) => ({ who: `gate ${beat.gate}`, sign })),
    ...signs.acks().map(({ ack, sign }) => ({ who: `router ${ack.router}`, sign })),
  ]
  if (heard.length === 0) return []
  // What is heard late looks as if it had been stamped by a slow clock: the fastest one counts.
  const brokerMs = Math.max(...heard.map(({ sign }) => sign.appendedAtMs - sign.heardAtMs))
  const senders = new Map<string, number>()
  for (const { who, sign } of heard) {
    const aheadMs = sign.sentAtMs - sign.appendedAtMs + brokerMs
    const known = senders.get(who)
    if (known === undefined || Math.abs(aheadMs) < Math.abs(known)) senders.set(who, aheadMs)
  }
  return [{ whose: 'broker', aheadMs: brokerMs }, ...[...senders].map(([whose, aheadMs]) => ({ whose, aheadMs }))]
}

export function judgeClocks(differences: readonly ClockDifference[]): readonly Check[] {
  const wrong = differences.filter(({ aheadMs }) => Math.abs(aheadMs) > toleratedMs)
  if (wrong.length > 0)
    return wrong.map(({ whose, aheadMs }) =>
      warn(
        'clocks',
        `the clock of ${whose} is ${seconds(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} that of the API`,
        fix,
      ),
    )
  const names = differences.map(({ whose }) => whose)
  return [
    ok(
      'clocks',
      names.length === 0
        ? 'none could be compared'
        : `${count(names.length, 'clock')} within ${seconds(toleratedMs)} of the API: ${listed(names)}`,
    ),
  ]
}
