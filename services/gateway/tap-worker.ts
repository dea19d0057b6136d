import { createHash, createHmac } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { encode as encodeTokens } from 'gpt-tokenizer'
import type { Records, Request, Response } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { createRedactor } from '../domain/redaction/redactor.ts'
import { topics } from '../flow.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import type { Producer } from '../platform/kafka/transport.ts'
import { createPinoLogger } from '../platform/log/pino-logger.ts'
import { type Answer, createAnswerReader } from '../platform/openai/answer-reader.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { TapEnd, TapMessage, TapReply, TapRequest, TapWorkerOptions } from './tap-messages.ts'

/** The tap's other half, in a thread of its own: parses, encodes and produces, so that the loop that proxies never does. */
const options = workerData as TapWorkerOptions
const log = createPinoLogger({ name: 'gateway-tap', level: 'warn' })
const redact = createRedactor({
  pseudonym: (kind, value) =>
    createHmac('sha256', options.pseudonymKey).update(`${kind}\u001f${value}`).digest('hex').slice(0, 8),
})
const open = new Map<
  string,
  {
    readonly request: TapRequest
    readonly chunks: { data: Uint8Array; atMs: number }[]
    inputText: string
    bytes: number
  }
>()
/** Beyond this an answer's text is estimated by length: a tokenizer on megabytes would stall the tap. */
const tokenizeCharactersMax = 100_000
const retryMs = 1_000

let producer: Producer | null = null
let codec: Codec<Records> | null = null

const reply = (message: TapReply) => parentPort?.postMessage(message)
const transport = createKafkajsTransport({
  clientId: 'gateway-tap',
  brokers: options.brokers,
  topicPrefix: options.topicPrefix,
  log,
})

async function connect(): Promise<void> {
  for (;;) {
    try {
      codec ??= await openCodec<Records>({
        registryUrl: options.registryUrl,
        stateDir: options.stateDir,
        subjectPrefix: 'penstock.v1.',
        schemaTexts,
      })
      producer = await transport.producer()
      reply({ kind: 'state', connected: true })
      return
    } catch (error) {
      log.warn({ err: String(error) }, 'tap not connected; trying again')
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

function produce(name: 'Request' | 'Response', id: string, value: Request | Response, bytes: number): void {
  const done = (lost: number) => {
    if (lost > 0) reply({ kind: 'lost', records: lost })
    reply({ kind: 'freed', bytes })
  }
  if (producer === null || codec === null) {
    done(1)
    return
  }
  try {
    const encoded =
      name === 'Request' ? codec.encode('Request', value as Request) : codec.encode('Response', value as Response)
    producer.send([{ topic: topics.exchanges.name, key: id, value: encoded }]).then(
      () => done(0),
      () => done(1),
    )
  } catch (error) {
    log.warn({ exchange: id, err: String(error) }, 'record not encoded')
    done(1)
  }
}

function onRequest(id: string, request: TapRequest, body: Uint8Array | null, dropped: number): void {
  const kept =
    request.capture === 'metadata' || body === null
      ? Buffer.alloc(0)
      : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const shown =
    request.capture === 'redacted' && kept.length > 0 ? Buffer.from(redact(kept.toString('utf8')).text) : kept
  open.set(id, {
    request,
    chunks: [],
    inputText: kept.length <= tokenizeCharactersMax ? kept.toString('utf8') : '',
    bytes: 0,
  })
  const record: Request = {
    exchange_id: id,
    route: request.route,
    operation: request.operation,
    tenant: request.tenant,
    session: request.session,
    assignment_unit: request.unit,
    turn: request.turn,
    segments: request.segments,
    arrived_at: request.arrivedAtMs,
    live_arm: request.arm,
    assignment: request.assignment,
    place: request.place,
    shadow_plan: null,
    body: shown,
    headers: request.headers,
    capture: request.capture,
    prompt_id: request.promptId,
    prompt_version: request.promptVersion,
    golden_ref: request.goldenRef,
    traceparent: request.traceparent,
    client_request_id: request.clientRequestId,
    tap_drops: dropped,
  }
  produce('Request', id, record, body?.length ?? 0)
}

function onEnd(id: string, end: TapEnd): void {
  const known = open.get(id)
  open.delete(id)
  if (known === undefined) return
  const reader = createAnswerReader({ streamed: end.streamed })
  for (const chunk of known.chunks) reader.push(chunk.data, chunk.atMs)
  const answer = reader.end(end.endedAtMs)
  produce('Response', id, responseOf(id, known.request, known.inputText, answer, end), known.bytes)
}

function responseOf(id: string, request: TapRequest, inputText: string, answer: Answer, end: TapEnd): Response {
  const brokenOff = end.resolution === 'answered' && (!answer.complete || answer.error !== null) && !end.truncated
  const resolution = brokenOff ? 'failed' : end.resolution
  const usage = answer.usage
  const text =
    request.capture === 'redacted' ? redact(answer.text).text : request.capture === 'metadata' ? '' : answer.text
  return {
    exchange_id: id,
    arm: request.arm,
    leg: 'live',
    attempt_id: id,
    resolution,
    error_class: brokenOff ? (answer.error === null ? 'truncated' : 'stream_error') : end.errorClass,
    status: end.status,
    started_at: end.startedAtMs,
    first_token_at: answer.firstTokenAtMs,
    ended_at: Math.max(end.endedAtMs, answer.firstTokenAtMs ?? 0),
    provider: request.provider,
    model_requested: request.model,
    model_served: answer.model,
    prompt_version: request.promptVersion,
    parameters_hash: createHash('sha256').update(request.model).digest('hex').slice(0, 16),
    output: text,
    tool_calls: request.capture === 'metadata' ? [] : answer.toolCalls,
    finish_reason: answer.finishReason,
    refusal: answer.refusal,
    input_tokens: usage?.inputTokens ?? (resolution === 'answered' ? tokensOf(inputText) : null),
    output_tokens: usage?.outputTokens ?? (resolution === 'answered' ? tokensOf(answer.text) : null),
    cached_tokens: usage?.cachedTokens ?? null,
    usage_source: usage === null ? 'estimated' : 'reported',
    cost_micro_usd: null,
    truncated: answer.truncated || end.truncated,
    quota_remaining: end.quotaRemaining,
  }
}

function tokensOf(text: string): number {
  return text.length > tokenizeCharactersMax ? Math.ceil(text.length / 4) : encodeTokens(text).length
}

parentPort?.on('message', (message: TapMessage) => {
  switch (message.kind) {
    case 'request':
      return onRequest(message.id, message.request, message.body, message.dropped)
    case 'chunk': {
      const known = open.get(message.id)
      if (known === undefined) return reply({ kind: 'freed', bytes: message.data.length })
      known.bytes += message.data.length
      known.chunks.push({ data: message.data, atMs: message.atMs })
      return
    }
    case 'end':
      return onEnd(message.id, message.end)
    case 'stop':
      void (producer?.close() ?? Promise.resolve())
        .then(() => transport.close())
        .catch(() => undefined)
        .finally(() => reply({ kind: 'stopped' }))
  }
})

void connect()
