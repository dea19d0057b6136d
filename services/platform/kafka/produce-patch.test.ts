import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { patchKafkajsProducing, together } from './produce-patch.ts'

type Request = Parameters<ReturnType<typeof together>>[0]

const asking = (topic: string, partition: number, bytes = 1): Request => ({
  topicData: [{ topic, partitions: [{ partition, messages: [{ value: Buffer.alloc(bytes) }] }] }],
})
const placesOf = ({ topicData }: Request) =>
  topicData
    .map(({ topic, partitions }) => `${topic}/${partitions.map(({ partition }) => partition).join('+')}`)
    .join(' ')

/** A broker that writes what it is asked to, or refuses what `refuses` says. */
function brokerThat(refuses: (places: string) => Error | null) {
  const asked: string[] = []
  const produce = together(async (request) => {
    asked.push(placesOf(request))
    const cause = refuses(placesOf(request))
    if (cause !== null) throw cause
    return { topics: request.topicData.map(({ topic, partitions }) => ({ topicName: topic, partitions })) }
  })
  const heard = async (request: Request) => {
    const { topics } = await produce(request)
    return topics.map(({ topicName, partitions }) => `${topicName}/${partitions.map(({ partition }) => partition)}`)
  }
  return { asked, heard }
}

const named = (name: string) => Object.assign(new Error(name), { name })

test('what is asked for in one turn is one request, and each hears of its own', async () => {
  const { asked, heard } = brokerThat(() => null)
  const answers = await Promise.all([heard(asking('a', 0)), heard(asking('b', 0)), heard(asking('a', 1))])
  expect(asked).toEqual(['a/0+1 b/0'])
  expect(answers.map((topics) => topics.filter((topic) => !topic.endsWith('/')))).toEqual([['a/0'], ['b/0'], ['a/1']])
})

test('what is asked for meanwhile goes together once there is an answer', async () => {
  const { asked, heard } = brokerThat(() => null)
  const first = heard(asking('a', 0)).then(() => Promise.all([heard(asking('a', 0)), heard(asking('a', 1))]))
  await Promise.all([first, heard(asking('a', 2))])
  expect(asked).toEqual(['a/0+2', 'a/0+1'])
})

test('where one is refused, each is asked for alone', async () => {
  const { asked, heard } = brokerThat((places) => (places.includes('1') ? named('KafkaJSProtocolError') : null))
  const settled = await Promise.allSettled([heard(asking('a', 0)), heard(asking('a', 1)), heard(asking('a', 2))])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(asked).toEqual(['a/0+1+2', 'a/0', 'a/1', 'a/2'])
})

test('a broker that does not answer is not asked for each', async () => {
  const { asked, heard } = brokerThat(() => named('KafkaJSConnectionClosedError'))
  const settled = await Promise.allSettled([heard(asking('a', 0)), heard(asking('a', 1))])
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(asked).toEqual(['a/0+1'])
})

test('no request is larger than a broker takes', async () => {
  const { asked, heard } = brokerThat(() => null)
  const mebibytes = 1_024 * 1_024
  await Promise.all([0, 1, 2].map((partition) => heard(asking('a', partition, 7 * mebibytes))))
  expect(asked).toEqual(['a/0+1', 'a/2'])
})

test('kafkajs asks so, and asks for each transaction alone', async () => {
  patchKafkajsProducing()
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/broker/index.js') as {
    prototype: { produce: (this: object, request: Request) => Promise<unknown> }
  }
  const asked: string[] = []
  const broker = Object.assign(Object.create(prototype) as object, {
    lookupRequest: () => (request: Request) => {
      asked.push(placesOf(request))
      throw named('KafkaJSConnectionClosedError')
    },
  })
  const ask = (request: Request) => prototype.produce.call(broker, request).catch(() => undefined)
  await Promise.all([ask(asking('a', 0)), ask(asking('a', 1))])
  await Promise.all([0, 1].map((partition) => ask({ ...asking('t', partition), transactionalId: 't' })))
  expect(asked).toEqual(['a/0+1', 't/0', 't/1'])
})
