import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { transportError } from './transport-error.ts'

const errors = createRequire(import.meta.url)('kafkajs/src/errors.js') as Readonly<
  Record<string, new (cause: unknown, details?: object) => Error>
>
const kafkajs = (name: string, cause: unknown, details?: object): Error => {
  const Made = errors[name]
  if (Made === undefined) throw new Error('kafkajs renamed its errors')
  return new Made(cause, details)
}
const names = {
  connection: 'KafkaJSConnectionError',
  final: 'KafkaJSNonRetriableError',
  exhausted: 'KafkaJSNumberOfRetriesExceeded',
} as const
/** As kafkajs's retrier makes them. */
const made = (name: keyof typeof names, cause: unknown): Error =>
  kafkajs(names[name], cause, { retryCount: 8, retryTime: 1, cause })
const protocol = (type: string) =>
  Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable: false })

test('a broker that is away passes, however kafkajs has wrapped that', () => {
  const away = made('connection', 'connect ECONNREFUSED')
  for (const error of [away, made('final', away), made('exhausted', away), made('final', made('exhausted', away))])
    expect(transportError(error, 'x')).toMatchObject({ code: 'BROKER_AWAY', retriable: true })
})

test('what the broker refuses for good stays refused inside any wrapper', () => {
  for (const error of [protocol('INVALID_REQUEST'), made('final', protocol('INVALID_REQUEST'))])
    expect(transportError(error, 'x')).toMatchObject({ code: 'REFUSED', retriable: false })
  expect(transportError(made('final', protocol('INVALID_PRODUCER_EPOCH')), 'x').code).toBe('FENCED')
  expect(transportError(made('final', protocol('MESSAGE_TOO_LARGE')), 'x').code).toBe('RECORD_TOO_LARGE')
})

test('who is not let in waits, and says what is to be mended', () => {
  const login = Object.assign(new Error('SASL SCRAM SHA512 authentication failed'), {
    name: 'KafkaJSSASLAuthenticationError',
  })
  for (const [error, fix] of [
    [made('final', login), /account in PENSTOCK_KAFKA_SECURITY_FILE$/],
    [protocol('TOPIC_AUTHORIZATION_FAILED'), /rights of infra\/kafka\/acls.txt$/],
    [made('exhausted', protocol('GROUP_AUTHORIZATION_FAILED')), /rights of infra\/kafka\/acls.txt$/],
    [made('final', protocol('UNSUPPORTED_SASL_MECHANISM')), /account in PENSTOCK_KAFKA_SECURITY_FILE$/],
    [kafkajs('KafkaJSAggregateError', 'Topic creation errors', [protocol('TOPIC_AUTHORIZATION_FAILED')]), /acls.txt$/],
  ] as const)
    expect(transportError(error, 'x')).toMatchObject({
      code: 'ACCESS_DENIED',
      retriable: true,
      message: expect.stringMatching(fix),
    })
})

test('where nobody says who coordinates, a right may be missing', () => {
  const error = kafkajs('KafkaJSGroupCoordinatorNotFound', 'Failed to find group coordinator')
  expect(transportError(made('final', error), 'x')).toMatchObject({
    code: 'BROKER_AWAY',
    message: expect.stringContaining('rights of infra/kafka/acls.txt on groups and transactional ids'),
  })
})

test('a lost place in the sequence of a producer passes: the next producer starts a new one', () => {
  for (const type of ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'DUPLICATE_SEQUENCE_NUMBER'])
    expect(transportError(made('final', protocol(type)), 'x')).toMatchObject({
      code: 'OUT_OF_SEQUENCE',
      retriable: true,
    })
})
