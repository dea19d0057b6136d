import type { Request, Response } from '../domain/events/records.ts'
import { redactDocument } from '../domain/redaction/redact-document.ts'
import type { Redactor } from '../domain/redaction/redactor.ts'
import { parametersHash } from '../domain/sampling/parameters-hash.ts'
import { parseRequestBody } from '../domain/sampling/replay-body.ts'
import { withChange } from '../domain/sampling/variant-change.ts'
import { vectorSketch } from '../domain/scoring/vector-sketch.ts'
import type { Answer } from '../platform/model-api/answer.ts'
import { answerFields } from '../platform/model-api/answer-fields.ts'
import { type HeardAnswer, hearAnswer, statusFailure } from '../platform/model-api/heard-answer.ts'
import { exchangeFields } from './exchange-fields.ts'
import type { Irregular, Lost, TapEnd, TapMessage, TapReply, TapRequest } from './tap-messages.ts'

export interface TapRecorderDeps {
  readonly redact: Redactor
  /** Encodes and sends one record of `request`, behind those it was called with before; resolves when it is acknowledged. `lost` says what did not get through. Never rejects. */
  send(record: TapRecord, request: TapRequest): Promise<{ readonly lost: Lost | null }>
  reply(reply: TapReply): void
}

export type TapRecord =
  | { readonly name: 'Request'; readonly value: Request }
  | { readonly name: 'Response'; readonly value: Response }

/** Makes the two records of each exchange out of what the proxy loop saw of it. */
export interface TapRecorder {
  on(message: Exclude<TapMessage, { readonly kind: 'stop' | 'ping' }>): void
  /** Settles when everything begun so far has been sent. */
  idle(): Promise<void>
}

interface Open {
  readonly request: TapRequest
  /** As the caller sent it. Bytes, not what they parse to: a body of small arrays parses to ten times its size. */
  readonly body: Uint8Array | null
  readonly chunks: { readonly data: Uint8Array; readonly atMs: number }[]
  readonly written: Promise<unknown>
}

export function createTapRecorder(deps: TapRecorderDeps): TapRecorder {
  const open = new Map<string, Open>()
  const busy = new Set<Promise<void>>()
  // Answers are unpacked and parsed one after the other: what they grow to is then in memory once and not for all that end at the same time.
  let reading: Promise<unknown> = Promise.resolve()
  const lose = (what: Lost, id: string, request: TapRequest) =>
    deps.reply({ kind: 'lost', what, of: exchangeFields(id, request) })
  const write = (record: TapRecord, request: TapRequest): Promise<unknown> =>
    deps.send(record, request).then(({ lost }) => {
      if (lost !== null) lose(lost, record.value.exchange_id, request)
    })
  const finish = async (id: string, known: Open, end: TapEnd): Promise<void> => {
    const read = reading.then(async () => {
      const { value, irregular } = await responseOf(deps.redact, id, known, end)
      if (irregular.length > 0) deps.reply({ kind: 'irregular', what: irregular })
      // In one step, so that it is cut to its bounds before the next answer is read.
      return { written: write({ name: 'Response', value }, known.request) }
    })
    reading = read.catch(() => undefined)
    try {
      await (await read).written
    } catch {
      // Whatever a text does to a parser or a detector costs this record and no other.
      lose('record', id, known.request)
    }
    await known.written
    deps.reply({ kind: 'settled', id })
  }
  const begin = (id: string, request: TapRequest, body: Uint8Array | null, dropped: number): Open => {
    try {
      const value = requestOf(deps.redact, id, request, body, dropped)
      return { request, body, chunks: [], written: write({ name: 'Request', value }, request) }
    } catch {
      lose('record', id, request)
      return { request, body, chunks: [], written: Promise.resolve() }
    }
  }
  return {
    on(message) {
      const { id } = message
      if (message.kind === 'request') {
        open.set(id, begin(id, message.request, message.body, message.dropped))
        return
      }
      const known = open.get(id)
      if (known === undefined) return
      if (message.kind === 'chunk') {
        known.chunks.push({ data: message.data, atMs: message.atMs })
        return
      }
      open.delete(id)
      const finishing: Promise<void> = finish(id, known, message.end).finally(() => busy.delete(finishing))
      busy.add(finishing)
    },
    async idle() {
      await Promise.all([...busy, ...[...open.values()].map(({ written }) => written)])
    },
  }
}

interface Asked {
  /** The body as it went to the provider; null when it was left out, is no JSON object, or is nested beyond what can be read. */
  readonly sent: Readonly<Record<string, unknown>> | null
  readonly parametersHash: string
}

function askedWith({ request, body }: Open): Asked {
  const parsed = body === null ? 'not_json' : parseRequestBody(body)
  if (typeof parsed === 'string') return { sent: null, parametersHash: '' }
  const sent = request.rewrite === null ? parsed : withChange(parsed, request.rewrite)
  try {
    return { sent, parametersHash: parametersHash(sent) }
  } catch {
    return { sent: null, parametersHash: '' }
  }
}

function requestOf(
  redact: Redactor,
  id: string,
  request: TapRequest,
  body: Uint8Array | null,
  dropped: number,
): Request {
  const { capture } = request
  const told = capture !== 'none'
  const values = Object.entries(told ? request.headers : {})
  const headers = capture === 'redacted' ? values.map(([name, value]) => [name, redact(value).text]) : values
  return {
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
    body: capturedBody(redact, capture, body),
    headers: Object.fromEntries(headers) as Record<string, string>,
    capture,
    prompt_id: told ? request.promptId : null,
    prompt_version: request.promptVersion,
    golden_ref: told ? request.goldenRef : null,
    traceparent: told ? request.traceparent : null,
    client_request_id: told ? request.clientRequestId : null,
    tap_drops: dropped,
  }
}

function capturedBody(redact: Redactor, capture: TapRequest['capture'], body: Uint8Array | null): Buffer {
  if (body === null || capture === 'metadata' || capture === 'none') return Buffer.alloc(0)
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return capture === 'full' ? bytes : Buffer.from(redactDocument(redact, bytes.toString('utf8')).text)
}

interface Read {
  readonly value: Response
  readonly irregular: readonly Irregular[]
}

async function responseOf(redact: Redactor, id: string, known: Open, end: TapEnd): Promise<Read> {
  const { request } = known
  const hearing = hearAnswer({ ...end, form: request.operation }, end.truncated)
  for (const { data, atMs } of known.chunks) hearing.push(data, atMs)
  const heard = await hearing.end(end.endedAtMs)
  const { answer } = heard
  const outcome = outcomeOf(heard, end)
  const { sent, parametersHash } = askedWith(known)
  const model = sent?.['model'] ?? request.rewrite?.model
  const value: Response = {
    exchange_id: id,
    arm: request.arm,
    leg: 'live',
    attempt_id: id,
    ...outcome,
    status: end.status,
    started_at: end.startedAtMs,
    ended_at: Math.max(end.endedAtMs, answer.firstTokenAtMs ?? 0),
    provider: request.provider,
    model_requested: typeof model === 'string' ? model : '',
    prompt_version: request.servedPromptVersion,
    parameters_hash: parametersHash,
    ...answerFields(heard, outcome.resolution === 'answered', sent),
    ...said(redact, request.capture, answer),
    cost_micro_usd: null,
    quota_remaining: end.quotaRemaining,
  }
  const broken = end.streamed && outcome.error_class === 'truncated'
  return { value, irregular: broken ? [...answer.irregular, 'truncated'] : answer.irregular }
}

/**
 * What became of the call, now that the answer is read: one that came to its end is what the answer says of it. A caller that left before the first
 * token abandoned the call; one that left later cut the answer short.
 */
function outcomeOf(
  { answer, truncated, failure }: HeardAnswer,
  { resolution, errorClass, status, streamed }: TapEnd,
): Pick<Response, 'resolution' | 'error_class'> {
  const cameToItsEnd = resolution === 'answered' || (resolution === 'failed' && errorClass === statusFailure(status))
  if (cameToItsEnd) return { resolution: failure === null ? 'answered' : 'failed', error_class: failure }
  const left = resolution === 'aborted_by_client' && errorClass === null
  const abandoned = left && streamed && answer.firstTokenAtMs === null && !truncated
  return { resolution: abandoned ? 'abandoned' : resolution, error_class: errorClass }
}

/** The texts of an answer as far as the capture level lets them through. */
function said(
  redact: Redactor,
  capture: TapRequest['capture'],
  { text: spoken, vectors, refusal, toolCalls }: Answer,
): Pick<Response, 'output' | 'refusal' | 'tool_calls'> {
  const text = vectors === null ? spoken : vectorSketch(vectors)
  switch (capture) {
    case 'full':
      return { output: text, refusal, tool_calls: toolCalls }
    case 'redacted':
      return {
        output: redactDocument(redact, text).text,
        refusal: refusal === null ? null : redact(refusal).text,
        tool_calls: toolCalls.map((call) => ({ ...call, arguments: redactDocument(redact, call.arguments).text })),
      }
    case 'metadata':
      // That it was refused is no text; how it was is.
      return { output: '', refusal: refusal === null ? null : 'refused', tool_calls: [] }
    case 'none':
      return { output: '', refusal: null, tool_calls: [] }
  }
}
