import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { silentLog } from '../support/silent-log.ts'
import { testStack } from '../support/stack.ts'

const topic = 'outage'
const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`)

it('what is sent while the broker dies and stays away stands in the log once, in order, and every call says so', async () => {
  const stack = testStack()
  const transport = createKafkajsTransport({
    clientId: 'outage',
    brokers: stack.kafka.brokers,
    topicPrefix: 'outage.',
    log: silentLog,
  })
  await transport.ensureTopics([{ name: topic, partitions: 6, config: {} }])
  const producer = await transport.producer()
  const impatient = await transport.producer({ answerWithinMs: 2_000 })
  const calls: Promise<unknown>[] = []
  const sent: string[] = []
  let stopped = false
  const sending = (async () => {
    for (let index = 0; !stopped; index += 1) {
      const values = Array.from({ length: 1 + (index % 4) }, (_, part) => `${index}.${part}`)
      sent.push(...values)
      calls.push(
        producer.send(
          values.map((value, part) => ({ topic, key: keys[(index + part) % 40] ?? '', value: Buffer.from(value) })),
        ),
      )
      await delay(5)
    }
  })()
  await delay(1_000)
  await stack.kill('kafka')
  // Longer than kafkajs itself goes on trying.
  await delay(2_000)
  const early = await impatient
    .send([{ topic, key: 'k', value: Buffer.from('early') }])
    .catch((error: unknown) => error)
  await delay(16_000)
  await stack.start('kafka')
  await delay(3_000)
  stopped = true
  await sending
  const answers = await Promise.allSettled(calls)
  expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
  expect(early).toMatchObject({ code: 'STALLED', retriable: true })
  await Promise.all([producer.close(), impatient.close()])

  const read: { readonly key: string; readonly value: string }[] = []
  const reader = await transport.read({
    topics: [topic],
    startAt: 'beginning',
    async onBatch({ records }) {
      read.push(...records.map(({ key, value }) => ({ key: key ?? '', value: value?.toString() ?? '' })))
    },
  })
  await reader.caughtUp
  await reader.stop()
  await transport.close()
  const values = read.map(({ value }) => value).filter((value) => value !== 'early')
  expect(values).toHaveLength(sent.length)
  expect(new Set(values)).toEqual(new Set(sent))
  for (const key of keys) {
    const order = read.filter((record) => record.key === key).map(({ value }) => Number(value.split('.')[0]))
    expect(order, key).toEqual(order.toSorted((a, b) => a - b))
  }
})
