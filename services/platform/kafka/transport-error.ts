import { PenstockError } from '../../domain/outcome/penstock-error.ts'

export type TransportErrorCode =
  | 'RECORD_TOO_LARGE'
  | 'FENCED'
  | 'BROKER_AWAY'
  | 'REFUSED'
  | 'ACCESS_DENIED'
  | 'CLOSED'
  | 'OUT_OF_SEQUENCE'
  | 'STALLED'
  | 'UNKNOWN_TOPIC'

/**
 * A call to Kafka failed. Retriable ones usually mean that the broker is away, a leader is moving, or an account is to be let in by somebody; the others that the
 * call was wrong.
 */
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

/** The broker has lost, or does not believe, where an idempotent producer is. A new producer gets a new sequence. */
const outOfSequence = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'DUPLICATE_SEQUENCE_NUMBER'])

const away = new Set([
  'KafkaJSConnectionError',
  'KafkaJSBrokerNotFound',
  'KafkaJSRequestTimeoutError',
  'KafkaJSConnectionClosedError',
])

const accessFix = {
  account: 'if it stays, look at the account in PENSTOCK_KAFKA_SECURITY_FILE',
  right: 'give the account the rights of infra/kafka/acls.txt',
}

/** Answers to who logs in otherwise than the broker wants, and to kafkajs when it logs in while it leaves. */
const badLogin = new Set(['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE'])

interface KafkajsError {
  readonly name?: string
  readonly type?: string
  readonly message?: string
  readonly retriable?: boolean
  readonly cause?: unknown
  /** Of what was asked for several things at once. */
  readonly errors?: readonly unknown[]
}

/** What an error of kafkajs means to a caller. kafkajs wraps what it gives up on, and a wrapper says nothing: the innermost error decides. */
export function transportError(cause: unknown, doing: string): TransportError {
  if (cause instanceof TransportError) return cause
  const chain = chainOf(cause)
  const types = chain.flatMap(({ type }) => (type === undefined ? [] : [type]))
  const made = (code: TransportErrorCode, text: string, retriable: boolean) =>
    new TransportError(`${doing}: ${text}`, { code, retriable, cause })
  if (types.some((type) => fenced.has(type)))
    return made('FENCED', 'another producer with the same transactional id took over', false)
  if (types.includes('MESSAGE_TOO_LARGE')) return made('RECORD_TOO_LARGE', 'record too large for the broker', false)
  if (types.includes('UNKNOWN_TOPIC_OR_PARTITION'))
    return made('UNKNOWN_TOPIC', 'a topic is missing; run the deploy step', true)
  const innermost = chain.at(-1)
  const text = innermost?.message ?? String(cause)
  // Rights and passwords come and change without this process, and what waits for them is not lost.
  if (innermost?.name === 'KafkaJSSASLAuthenticationError' || types.some((type) => badLogin.has(type)))
    return made('ACCESS_DENIED', `${text}; ${accessFix.account}`, true)
  if (types.some((type) => type.endsWith('_AUTHORIZATION_FAILED')))
    return made('ACCESS_DENIED', `${text}; ${accessFix.right}`, true)
  if (types.some((type) => outOfSequence.has(type))) return made('OUT_OF_SEQUENCE', text, true)
  // kafkajs calls this final and keeps to itself why; it is also what a broker answers that has just come back.
  if (innermost?.name === 'KafkaJSGroupCoordinatorNotFound')
    return made('BROKER_AWAY', `${text}; if it stays, ${accessFix.right} on groups and transactional ids`, true)
  const passes = innermost?.retriable === true || away.has(innermost?.name ?? '')
  return made(passes ? 'BROKER_AWAY' : 'REFUSED', text, passes)
}

/** The error and what it was caused by, outermost first. */
function chainOf(cause: unknown): readonly KafkajsError[] {
  const chain: KafkajsError[] = []
  for (let next = cause; next instanceof Error && chain.length < 10; ) {
    const error: KafkajsError = next
    chain.push(error)
    next = error.cause ?? error.errors?.[0]
  }
  return chain
}
