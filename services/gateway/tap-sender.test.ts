import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Records } from '../domain/events/records.ts'
import type { OutRecord, Producer } from '../platform/kafka/transport.ts'
import { TransportError } from '../platform/kafka/transport-error.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { TapRequest } from './tap-messages.ts'
import type { TapRecord } from './tap-recorder.ts'
import { createTapSender } from './tap-sender.ts'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const tapped = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, capture: 'full' } as unknown as TapRequest
const codec = { encode: (name: string) => Buffer.from(name) } as unknown as Codec<Records>
const request = (exchange_id: string, bytes = 1) =>
  ({ name: 'Request', value: { exchange_id, body: Buffer.alloc(bytes) } }) as unknown as TapRecord
const response = (exchange_id: string, bytes = 1) =>
  ({
    name: 'Response',
    value: { exchange_id, output: 'x'.repeat(bytes), refusal: null, tool_calls: [] },
  }) as unknown as TapRecord

/** Sends the records of one exchange, and answers what was asked of the producer, call by call. */
function setUp(refuses: (records: readonly OutRecord[]) => boolean = () => false, answers = true) {
  const calls: string[] = []
  const said: object[] = []
  const note = (fields: object) => void said.push(fields)
  const log = { debug: note, info: note, warn: note, error: note, child: () => log }
  const producer: Producer = {
    async send(records) {
      calls.push(records.map(({ key, value }) => `${value}-${key}`).join(' '))
      if (!answers) return new Promise<never>(() => undefined)
      if (refuses(records)) throw new TransportError('never', { code: 'REFUSED' })
      return []
    },
    close: async () => undefined,
  }
  const { signal } = new AbortController()
  const send = createTapSender({ codec: Promise.resolve(codec), producer, waitingBytesMax: 1e9, signal, log })
  const exchange = async (asked: TapRecord, answered: TapRecord) => {
    const written = send(asked, tapped)
    // An answer is read in a few steps of its own.
    for (let step = 0; step < 5; step += 1) await Promise.resolve()
    return Promise.all([written, send(answered, tapped)])
  }
  return { calls, said, exchange, send }
}

it('what is to be sent in one turn is one call of the producer, in order', async () => {
  const { calls, exchange } = setUp()
  await Promise.all([exchange(request('a'), response('a')), exchange(request('b'), response('b'))])
  expect(calls).toEqual(['Request-a Request-b Response-a Response-b'])
})

it('a large record goes by itself, and a response never before its request', async () => {
  const { calls, exchange } = setUp()
  await exchange(request('a'), response('a', 100_000))
  await exchange(request('b', 100_000), response('b'))
  expect(calls).toEqual(['Request-a', 'Response-a', 'Request-b', 'Response-b'])
})

it('where some are refused together, each is sent alone and hears of itself', async () => {
  const { calls, said, exchange } = setUp((records) => records.some(({ value }) => String(value) === 'Request'))
  const [asked, answered] = await exchange(request('a'), response('a'))
  expect(calls).toEqual(['Request-a Response-a', 'Request-a', 'Response-a'])
  expect(asked).toEqual({ lost: 'record' })
  expect(said).toEqual([{ exchange: 'a', trace, err: expect.stringContaining('never') }])
  expect(answered).toEqual({ lost: null })
})

it('a response follows its request without waiting for the acknowledgement, as after an outage', async () => {
  const { calls, send } = setUp(() => false, false)
  void send(request('a'), tapped)
  await nextTurn()
  await nextTurn()
  void send(response('a'), tapped)
  await nextTurn()
  await nextTurn()
  expect(calls).toEqual(['Request-a', 'Response-a'])
})
