import { createRequire } from 'node:module'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { replaceModule } from './module-patch.ts'

/** Asks a broker to write; `topicData` is what, and the rest is the same for all that one producer asks. */
interface ProduceRequest {
  readonly transactionalId?: string | undefined
  readonly topicData: readonly TopicData[]
}

interface TopicData {
  readonly topic: string
  readonly partitions: readonly {
    readonly partition: number
    readonly messages: readonly { readonly value: Buffer | null }[]
  }[]
}

interface ProduceResponse {
  readonly topics: readonly {
    readonly topicName: string
    readonly partitions: readonly { readonly partition: number }[]
  }[]
}

type Produce = (request: ProduceRequest) => Promise<ProduceResponse>

interface Waiting {
  readonly request: ProduceRequest
  readonly resolve: (response: ProduceResponse) => void
  readonly reject: (cause: unknown) => void
}

/** Of all that goes together; a broker takes 100 MiB. */
const togetherBytesMax = 16 * 1024 * 1024

/**
 * What is asked for in one turn of the loop, and while a request is under way, goes to the broker as one request, and each asker hears of its own
 * partitions. A request costs the client, the broker and the wire much more than the few records that one partition has for it. No partition may be in
 * two requests that wait.
 */
export function together(produce: Produce): Produce {
  const waiting: Waiting[] = []
  let sending = false
  const sendAll = async () => {
    await nextTurn()
    while (waiting.length > 0) await answer(produce, takeFrom(waiting))
    // In the same step as the last look at what waits.
    sending = false
  }
  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject })
      if (sending) return
      sending = true
      void sendAll()
    })
}

function takeFrom(waiting: Waiting[]): readonly Waiting[] {
  let bytes = 0
  const beyond = waiting.findIndex(({ request }, index) => {
    bytes += bytesOf(request)
    return index > 0 && bytes > togetherBytesMax
  })
  return waiting.splice(0, beyond < 0 ? waiting.length : beyond)
}

function bytesOf({ topicData }: ProduceRequest): number {
  const messages = topicData.flatMap(({ partitions }) => partitions.flatMap((one) => one.messages))
  return messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
}

async function answer(produce: Produce, asked: readonly Waiting[]): Promise<void> {
  const [first, ...others] = asked
  if (first === undefined) return
  try {
    const response = await produce(others.length === 0 ? first.request : merged(first.request, asked))
    for (const { request, resolve } of asked) resolve(partOf(response, request))
  } catch (cause) {
    // The broker has answered, and refused one of them: alone, each hears what became of its own. What was written is known by its sequence and not written twice.
    const refused = others.length > 0 && cause instanceof Error && cause.name === 'KafkaJSProtocolError'
    if (refused) for (const one of asked) await answer(produce, [one])
    else for (const { reject } of asked) reject(cause)
  }
}

function merged(like: ProduceRequest, asked: readonly Waiting[]): ProduceRequest {
  const byTopic = new Map<string, TopicData['partitions'][number][]>()
  for (const { topic, partitions } of asked.flatMap(({ request }) => request.topicData)) {
    const known = byTopic.get(topic)
    if (known === undefined) byTopic.set(topic, [...partitions])
    else known.push(...partitions)
  }
  return { ...like, topicData: [...byTopic].map(([topic, partitions]) => ({ topic, partitions })) }
}

function partOf(response: ProduceResponse, { topicData }: ProduceRequest): ProduceResponse {
  const asked = new Map(
    topicData.map(({ topic, partitions }) => [topic, new Set(partitions.map((one) => one.partition))]),
  )
  const topics = response.topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.filter(({ partition }) => asked.get(topicName)?.has(partition)),
  }))
  return { ...response, topics }
}

type CreateEosManager = (options: { readonly transactional: boolean }) => object

/** Sequences are kept by partition, and a lane has one batch of its partition under way: outside of transactions nothing waits for a broker's lock. */
function withoutLocks(create: CreateEosManager): CreateEosManager {
  const unlocked = { acquireBrokerLock: async () => undefined, releaseBrokerLock: () => undefined }
  return (options) => (options.transactional ? create(options) : { ...create(options), ...unlocked })
}

/** kafkajs 2.2.4 sends what each call has for a broker as a request of its own, one after the other. Here they go together, but for transactions. */
export function patchKafkajsProducing(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/broker/index.js') as {
    prototype: { produce: Produce }
  }
  const produceAlone = prototype.produce
  const ofBroker = new WeakMap<object, Produce>()
  prototype.produce = function produce(this: object, request) {
    if (request.transactionalId !== undefined) return produceAlone.call(this, request)
    const known = ofBroker.get(this) ?? together((all) => produceAlone.call(this, all))
    ofBroker.set(this, known)
    return known(request)
  }
  replaceModule('kafkajs/src/producer/eosManager/index.js', withoutLocks)
}
