import { PenstockError } from '../../domain/outcome/penstock-error.ts'

export type TransportErrorCode =
  | 'RECORD_TOO_LARGE'
  | 'FENCED'
  | 'BROKER_AWAY'
  | 'REFUSED'
  | 'CLOSED'
  | 'STALLED'
  | 'UNKNOWN_TOPIC'

/** A call to Kafka failed. Retriable ones usually mean that the broker is away or a leader is moving; the others that the call was wrong. */
export class TransportError extends PenstockError {
  declare readonly code: TransportErrorCode

  constructor(
    message: string,
    options: { readonly code: TransportErrorCode; readonly retriable?: boolean; readonly cause?: unknown },
  ) {
    super(message, options)
  }
}

const fenced = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'TRANSACTION_COORDINATOR_FENCED',
])

/** What an error of kafkajs means to a caller. */
export function transportError(cause: unknown, doing: string): TransportError {
  if (cause instanceof TransportError) return cause
  const error = cause as {
    readonly name?: string
    readonly type?: string
    readonly message?: string
    readonly retriable?: boolean
    readonly cause?: unknown
  }
  const types = [error.type, (error.cause as { type?: string } | undefined)?.type]
  if (types.some((type) => type !== undefined && fenced.has(type))) {
    return new TransportError(`${doing}: another producer with the same transactional id took over`, {
      code: 'FENCED',
      cause,
    })
  }
  if (types.includes('MESSAGE_TOO_LARGE'))
    return new TransportError(`${doing}: record too large for the broker`, { code: 'RECORD_TOO_LARGE', cause })
  if (types.includes('UNKNOWN_TOPIC_OR_PARTITION')) {
    return new TransportError(`${doing}: a topic is missing; run the deploy step`, {
      code: 'UNKNOWN_TOPIC',
      retriable: true,
      cause,
    })
  }
  const away =
    error.retriable === true ||
    [
      'KafkaJSNumberOfRetriesExceeded',
      'KafkaJSConnectionError',
      'KafkaJSBrokerNotFound',
      'KafkaJSRequestTimeoutError',
      'KafkaJSConnectionClosedError',
    ].includes(error.name ?? '')
  return new TransportError(`${doing}: ${error.message ?? String(cause)}`, {
    code: away ? 'BROKER_AWAY' : 'REFUSED',
    retriable: away,
    cause,
  })
}
