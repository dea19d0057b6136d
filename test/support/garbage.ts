import type { Records, Request, Response } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { topics } from '../../services/flow.ts'
import type { OutRecord } from '../../services/platform/kafka/transport.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'

/** What no reader of `topic` can use: no envelope, an unknown schema, a record of another topic, a torn record, nothing at all. */
function unreadable(codec: Codec<Records>, topic: string): readonly OutRecord[] {
  const stranger = topic === topics.heartbeats.name ? 'Kill' : 'Heartbeat'
  const whole = codec.encode(stranger, stranger === 'Kill' ? kill : heartbeat)
  const values = [
    Buffer.from('no envelope at all'),
    Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3]),
    whole,
    whole.subarray(0, 7),
    Buffer.from('{"run":'),
    Buffer.from('null'),
    Buffer.alloc(0),
    Buffer.alloc(500_000, 0xff),
  ]
  return values.map((value, index) => ({ topic, key: index % 2 === 0 ? 'chat' : `\u0000\uffff/latch/${index}`, value }))
}

const heartbeat = { gate: 'nobody', armed: [], frontier: -1, sent_at: -1 }
const kill = { id: 'k', route: 'nowhere', by: 'nobody', reason: '', written_at: -1, released_at: 0, min_epoch: {} }

/** Ways in which a producer's clock can be wrong, ms. */
export const skewsMs = [-9 * 86_400_000, 9 * 86_400_000] as const

/** Exchanges of no run whose producers live in another week, and one whose numbers cannot be. */
function skewed(codec: Codec<Records>, request: Request, response: Response): readonly OutRecord[] {
  const topic = topics.exchanges.name
  const records = skewsMs.flatMap((skewMs, index) => {
    const key = `skewed-${index}`
    const now = Date.now() + skewMs
    const asked = { ...request, exchange_id: key, place: null, body: Buffer.from('{}'), arrived_at: now }
    const answered = { ...response, exchange_id: key, started_at: now, first_token_at: null, ended_at: now + 5 }
    return [codec.encode('Request', asked), codec.encode('Response', answered)].map((value) => ({ topic, key, value }))
  })
  const impossible = codec.encode('Response', {
    ...response,
    exchange_id: 'impossible',
    started_at: -(2 ** 52),
    ended_at: -(2 ** 52) - 5_000,
    input_tokens: -7,
    cost_micro_usd: -1,
    quota_remaining: Number.NaN,
  })
  return [...records, { topic, key: 'impossible', value: impossible }]
}

/** Some of everything that should never be on a topic, for every topic that a service of ours reads. */
export async function garbage(
  options: { readonly registryUrl: string; readonly stateDir: string; readonly subjectPrefix: string },
  sample: { readonly request: Request; readonly response: Response },
): Promise<readonly OutRecord[]> {
  const codec = await openCodec<Records>({ ...options, schemaTexts })
  const read = Object.values(topics).filter((topic) => topic !== topics.deadLetters)
  const unusable = read.flatMap((topic) => unreadable(codec, topic.name))
  return [...unusable, ...skewed(codec, sample.request, sample.response)]
}
