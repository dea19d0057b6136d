import type { Records } from '../../services/domain/events/records.ts'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { eachRecord } from './each-record.ts'

/** Everything on a topic so far that can be decoded. */
export async function readTopic(
  transport: Transport,
  codec: Codec<Records>,
  topic: string,
): Promise<readonly { readonly name: string; readonly value: unknown }[]> {
  const found: { name: string; value: unknown }[] = []
  await eachRecord(transport, topic, async ({ value }) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (decoded?.kind === 'record') found.push({ name: decoded.name, value: decoded.value })
  })
  return found
}
