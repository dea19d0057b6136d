import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { createRedactor } from '../domain/redaction/redactor.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import { createPinoLogger } from '../platform/log/pino-logger.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { TapMessage, TapReply, TapWorkerOptions } from './tap-messages.ts'
import { createOutbox } from './tap-outbox.ts'
import { createTapRecorder } from './tap-recorder.ts'
import { createTapSender } from './tap-sender.ts'

/** The tap's other half, in a thread of its own: parses, encodes and produces, so that the loop that proxies never does. */
const options = workerData as TapWorkerOptions
const log = createPinoLogger({ name: 'gateway-tap', level: options.logLevel })
const stopping = new AbortController()
const retryMs = 1_000
const triesPerMessage = 60

const transport = createKafkajsTransport({
  clientId: 'gateway-tap',
  brokers: options.brokers,
  security: options.security,
  topicPrefix: options.topicPrefix,
  log,
})
const producer = await transport.producer()

/** Waits for a registry that is away: what arrives meanwhile is kept within the tap's budget. */
async function openCodecPersistently(): Promise<Codec<Records>> {
  for (let tries = 1; ; tries += 1) {
    try {
      const { registryUrl, stateDir } = options
      return await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
    } catch (error) {
      if (stopping.signal.aborted) throw error
      if (tries % triesPerMessage === 1) log.warn({ err: String(error), tries }, 'schemas not known; trying again')
      await delay(retryMs, undefined, { signal: stopping.signal })
    }
  }
}

const replies = createOutbox<TapReply>((messages) => parentPort?.postMessage(messages))
const reply = (message: TapReply) => replies.put(message, 0, message.kind === 'alive' || message.kind === 'stopped')
const recorder = createTapRecorder({
  redact: createRedactor({
    pseudonym: (kind, value) =>
      createHmac('sha256', options.pseudonymKey).update(`${kind}\u001f${value}`).digest('hex').slice(0, 8),
  }),
  send: createTapSender({
    codec: openCodecPersistently(),
    producer,
    waitingBytesMax: options.waitingBytesMax,
    signal: stopping.signal,
    log,
  }),
  reply,
})

async function stop(): Promise<void> {
  await Promise.race([recorder.idle(), delay(stopFlushMs)])
  stopping.abort()
  await producer.close()
  await transport.close()
}
const stopFlushMs = 3_000

parentPort?.on('message', (messages: readonly TapMessage[]) => messages.forEach(onMessage))

function onMessage(message: TapMessage): void {
  if (message.kind === 'ping') reply({ kind: 'alive' })
  else if (message.kind !== 'stop') recorder.on(message)
  else
    stop()
      .catch((error: unknown) => log.warn({ err: String(error) }, 'the tap could not stop cleanly'))
      .finally(() => reply({ kind: 'stopped' }))
}
