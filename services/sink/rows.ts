import type { Ack, Decision, Evidence, Request, Response } from '../domain/events/records.ts'
import type { Redactor } from '../domain/redaction/redactor.ts'
import type { RowBinaryWriter } from '../platform/clickhouse/row-binary.ts'
import type { InRecord } from '../platform/kafka/transport.ts'

/** Where a record stands in the log, and when it was appended there. */
export type LogPlace = Pick<InRecord, 'partition' | 'offset' | 'timestampMs'>

/** Columns of each table in the order in which the writers below write them; a test holds both against the real tables. */
export const columns = {
  legs: [
    'exchange_id',
    'leg',
    'arm',
    'attempt_id',
    'at',
    'route',
    'tenant',
    'operation',
    'run',
    'wave',
    'stage',
    'stage_entry',
    'epoch',
    'candidate_weight',
    'assignment',
    'segments',
    'assignment_unit',
    'resolution',
    'error_class',
    'status',
    'duration_ms',
    'ttft_ms',
    'model',
    'provider',
    'input_tokens',
    'output_tokens',
    'cost_micro_usd',
    'finish_reason',
    'golden_ref',
    'text',
    'redactions',
    'capture',
    'log_partition',
    'log_offset',
  ],
  evidence: [
    'id',
    'version',
    'exchange_id',
    'run',
    'wave',
    'stage',
    'stage_entry',
    'epoch',
    'candidate_weight',
    'comparison',
    'source',
    'horizon_ms',
    'arrived_at',
    'arm',
    'baseline_resolution',
    'candidate_resolution',
    'unit',
    'assignment_unit',
    'tenant',
    'segments',
    'inclusion_p',
    'baseline_metrics',
    'candidate_metrics',
    'late',
    'turn',
    'rule',
    'log_partition',
    'log_offset',
  ],
  decisions: [
    'id',
    'run',
    'wave',
    'stage_entry',
    'from_phase',
    'to_phase',
    'actor',
    'reason',
    'analysis',
    'times',
    'at',
  ],
  acks: [
    'router',
    'route',
    'epoch',
    'brakes',
    'lease',
    'outcome',
    'code',
    'observed_candidate_share',
    'applied_at',
    'sent_at',
  ],
} as const

export type Table = keyof typeof columns

/**
 * Where rows go that the store may have already. Of legs it takes those whose position in the log it does not have; in the other tables a row of the
 * same id replaces the one there.
 */
export const whereAbsent = {
  legs: 'legs_if_absent',
  evidence: 'evidence',
  decisions: 'decisions',
  acks: 'acks',
} as const

/** The largest value of a UInt32 column: what lies above is not a duration or count that anyone meant. */
const uint32Max = 0xffff_ffff
const clamped = (value: number) => Math.min(Math.max(Math.round(value), 0), uint32Max)
const redactionsOf = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

export function writeRequest(writer: RowBinaryWriter, request: Request, at: LogPlace, redact: Redactor): void {
  const redacted = redact(textOf(request.body))
  const place = request.place
  writer.string(request.exchange_id).string('request').string(request.live_arm).string('').dateTime64(at.timestampMs)
  writer.string(request.route).string(request.tenant).string(request.operation)
  writer
    .string(place?.run ?? '')
    .string(place?.wave ?? '')
    .string(place?.stage ?? '')
    .uint32(place?.stage_entry ?? 0)
    .uint64(place?.epoch ?? 0)
  writer
    .uint32(place?.candidate_weight ?? 0)
    .string(request.assignment)
    .map(request.segments, writer.string)
    .string(request.assignment_unit)
  writer.string('').string('').uint16(0).uint32(0).nullable(null, writer.uint32).string('').string('')
  writer.nullable(null, writer.uint32).nullable(null, writer.uint32).nullable(null, writer.uint64).string('')
  writer
    .string(request.golden_ref ?? '')
    .string(redacted.text)
    .uint32(redactionsOf(redacted.counts))
    .string(request.capture)
  writer.uint16(at.partition).uint64(at.offset)
}

export function writeResponse(writer: RowBinaryWriter, response: Response, at: LogPlace, redact: Redactor): void {
  const answer = redactedAnswer(response, redact)
  const ttftMs = response.first_token_at === null ? null : clamped(response.first_token_at - response.started_at)
  writer
    .string(response.exchange_id)
    .string(response.leg)
    .string(response.arm)
    .string(response.attempt_id)
    .dateTime64(at.timestampMs)
  writer
    .string('')
    .string('')
    .string('')
    .string('')
    .string('')
    .string('')
    .uint32(0)
    .uint64(0)
    .uint32(0)
    .string('')
    .map({}, writer.string)
    .string('')
  writer
    .string(response.resolution)
    .string(response.error_class ?? '')
    .uint16(Math.min(Math.max(response.status ?? 0, 0), 65_535))
  writer.uint32(clamped(response.ended_at - response.started_at)).nullable(ttftMs, writer.uint32)
  writer.string(response.model_served ?? response.model_requested).string(response.provider)
  writer.nullable(response.input_tokens === null ? null : clamped(response.input_tokens), writer.uint32)
  writer.nullable(response.output_tokens === null ? null : clamped(response.output_tokens), writer.uint32)
  writer.nullable(response.cost_micro_usd === null ? null : Math.max(0, response.cost_micro_usd), writer.uint64)
  writer
    .string(response.finish_reason ?? '')
    .string('')
    .string(answer.text)
    .uint32(answer.redactions)
    .string('')
  writer.uint16(at.partition).uint64(at.offset)
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8')
}

/** What was said, the refusal and the tool calls, each redacted by itself: arguments are JSON, in which an escape hides where a value begins. */
function redactedAnswer(
  { output, refusal, tool_calls: calls }: Response,
  redact: Redactor,
): { readonly text: string; readonly redactions: number } {
  const parts = [output, refusal ?? ''].filter((text) => text !== '').map((text) => redact(text))
  for (const call of calls) {
    const { text, counts } = redact(call.arguments)
    parts.push({ text: `${call.name}(${text})`, counts })
  }
  return {
    text: parts.map(({ text }) => text).join('\n'),
    redactions: parts.reduce((sum, { counts }) => sum + redactionsOf(counts), 0),
  }
}

export function writeEvidence(writer: RowBinaryWriter, evidence: Evidence, at: LogPlace): void {
  const { place } = evidence
  const values = (arm: 'baseline' | 'candidate') =>
    Object.fromEntries(
      evidence.metrics.flatMap((metric) => {
        const value = metric[arm]
        // Not a number is no measurement: one of them would blank every mean it enters.
        return value === null || !Number.isFinite(value) ? [] : [[metric.name, value]]
      }),
    )
  writer.string(evidence.id).uint32(evidence.version).string(evidence.exchange_id)
  writer
    .string(place.run)
    .string(place.wave)
    .string(place.stage)
    .uint32(place.stage_entry)
    .uint64(place.epoch)
    .uint32(place.candidate_weight)
  writer
    .string(evidence.comparison)
    .string(evidence.source)
    .uint32(clamped(evidence.horizon_ms))
    .dateTime64(evidence.arrived_at)
  writer
    .string(evidence.arm ?? '')
    .string(evidence.baseline_resolution ?? '')
    .string(evidence.candidate_resolution ?? '')
  writer
    .string(evidence.unit)
    .string(evidence.assignment_unit)
    .string(evidence.tenant)
    .map(evidence.segments, writer.string)
    .float64(evidence.inclusion_p)
  writer.map(values('baseline'), writer.float64).map(values('candidate'), writer.float64).bool(evidence.late)
  writer.uint32(evidence.turn).string(place.rule).uint16(at.partition).uint64(at.offset)
}

export function writeDecision(writer: RowBinaryWriter, decision: Decision): void {
  writer
    .string(decision.id)
    .string(decision.run)
    .string(decision.wave)
    .uint32(decision.stage_entry)
    .string(decision.from_phase)
    .string(decision.to_phase)
  writer
    .string(decision.by)
    .string(decision.reason)
    .string(decision.analysis)
    .map(decision.times, writer.int64)
    .dateTime64(decision.at)
}

export function writeAck(writer: RowBinaryWriter, ack: Ack): void {
  writer
    .string(ack.router)
    .string(ack.route)
    .uint64(ack.epoch)
    .array(ack.brakes, writer.string)
    .string(ack.lease)
    .string(ack.outcome)
    .string(ack.code ?? '')
  writer.nullable(ack.observed_candidate_share, writer.float64).dateTime64(ack.applied_at).dateTime64(ack.sent_at)
}
