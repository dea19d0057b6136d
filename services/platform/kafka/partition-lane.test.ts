import { expect, test } from 'vitest'
import { createPinoLogger } from '../log/pino-logger.ts'
import { PartitionLane } from './partition-lane.ts'
import type { OutRecord } from './transport.ts'
import { TransportError } from './transport-error.ts'

const away = () => new TransportError('away', { code: 'BROKER_AWAY', retriable: true })
const record = (value: string, bytes = 1): OutRecord => ({ topic: 't', key: value, value: Buffer.alloc(bytes, value) })

function laneOf(attempt: (keys: readonly string[]) => Promise<number>, maxBatchBytes = 10_000) {
  const end = new AbortController()
  const lane = new PartitionLane({
    at: { topic: 't', partition: 0 },
    maxBatchBytes,
    log: createPinoLogger({ name: 'lane', level: 'silent' }),
    signal: end.signal,
    attempt: (records) => attempt(records.map(({ key }) => key ?? '')),
  })
  return { lane, end }
}

test('a batch in doubt is sent again as it was, and what came meanwhile waits for the next', async () => {
  const attempts: string[][] = []
  let next = 0
  const { lane } = laneOf(async (keys) => {
    attempts.push([...keys])
    if (attempts.length <= 2) {
      late.push(lane.push([record('c')]))
      throw away()
    }
    const first = next
    next += keys.length
    return first
  })
  const late: Promise<readonly number[]>[] = []
  const offsets = await Promise.all([lane.push([record('a')]), lane.push([record('b')])])
  expect(offsets).toEqual([[0], [1]])
  expect(await Promise.all(late)).toEqual([[2], [3]])
  expect(attempts).toEqual([
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
    ['c', 'c'],
  ])
})

test('batches are cut by bytes; one record alone may be as large as the limit', async () => {
  const sizes: number[] = []
  const { lane } = laneOf(async (keys) => sizes.push(keys.length), 1_000)
  await Promise.all(Array.from({ length: 7 }, (_, index) => lane.push([record(String(index), 300)])))
  await lane.push([record('large', 899)])
  expect(sizes).toEqual([2, 2, 2, 1, 1])
})

test('records that are pushed together are answered together, also when they do not fit one batch', async () => {
  let next = 10
  const { lane } = laneOf(async (keys) => {
    const first = next
    next += keys.length + 5
    return first
  }, 1_000)
  const together = ['a', 'b', 'c'].map((key) => record(key, 300))
  expect(await Promise.all([lane.push(together), lane.push([record('d', 300)]), lane.push([])])).toEqual([
    [10, 11, 17],
    [18],
    [],
  ])
})

test('where the broker finds a batch too large, each record has its own answer', async () => {
  const { lane } = laneOf(async (keys) => {
    if (keys.length > 1 || keys.includes('large')) throw new TransportError('large', { code: 'RECORD_TOO_LARGE' })
    return 7
  })
  const answers = await Promise.allSettled([lane.push([record('small')]), lane.push([record('large')])])
  expect(answers).toMatchObject([
    { status: 'fulfilled', value: [7] },
    { status: 'rejected', reason: { code: 'RECORD_TOO_LARGE' } },
  ])
})

test('a refusal is final, and the lane goes on', async () => {
  const { lane } = laneOf(async (keys) => {
    if (keys[0] === 'bad') throw new TransportError('no', { code: 'REFUSED' })
    return 0
  })
  await expect(lane.push([record('bad')])).rejects.toMatchObject({ code: 'REFUSED' })
  expect(await lane.push([record('good')])).toEqual([0])
})

test('the end of the producer ends the waiting', async () => {
  const { lane, end } = laneOf(async () => {
    throw away()
  })
  const pushed = lane.push([record('a')])
  end.abort()
  await expect(pushed).rejects.toMatchObject({ code: 'CLOSED' })
  await lane.idle()
})

test('records of one turn of the loop share the first batch, also when they come by calls that follow each other', async () => {
  const attempts: string[][] = []
  const { lane } = laneOf(async (keys) => {
    attempts.push([...keys])
    return 0
  })
  const first = lane.push([record('a')])
  for (let tick = 0; tick < 10; tick += 1) await Promise.resolve()
  await Promise.all([first, lane.push([record('b')])])
  expect(attempts).toEqual([['a', 'b']])
})
