import { connect } from 'node:net'

/** What a broker says about itself. */
export interface BrokerMetadata {
  readonly clusterId: string | null
  readonly brokers: number
}

const apiVersions = 18
const metadata = { key: 3, version: 4 }
const clientId = 'penstock-stack'
const responseBytesMax = 1 << 20

/**
 * Asks a broker for ApiVersions and then for Metadata without topics, on one connection. Thirty lines of protocol instead of a client:
 * a client retries and caches, and readiness must be the plain truth. Rejects on any error, on a closed connection and after `timeoutMs`.
 */
export function askBroker(host: string, port: number, timeoutMs: number): Promise<BrokerMetadata> {
  return new Promise((done, fail) => {
    const socket = connect({ host, port, timeout: timeoutMs })
    let received = Buffer.alloc(0)
    const end = (finish: () => void): void => {
      socket.destroy()
      finish()
    }
    const timer = setTimeout(() => end(() => fail(new Error(`no answer in ${timeoutMs} ms`))), timeoutMs)
    socket.once('connect', () => socket.write(request(apiVersions, 0, 1, Buffer.alloc(0))))
    socket.once('error', (error) => end(() => fail(error)))
    socket.once('close', () => {
      clearTimeout(timer)
      fail(new Error('the connection was closed'))
    })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 8 || received.length < 4 + received.readInt32BE(0)) {
        if (received.length > responseBytesMax) end(() => fail(new Error('the answer is no Kafka answer')))
        return
      }
      const body = received.subarray(8)
      if (received.readInt32BE(4) === 1) {
        const errorCode = body.readInt16BE(0)
        if (errorCode !== 0) return end(() => fail(new Error(`ApiVersions answers error ${errorCode}`)))
        received = Buffer.alloc(0)
        // No topics, and none to be created.
        socket.write(request(metadata.key, metadata.version, 2, Buffer.from([0, 0, 0, 0, 0])))
        return
      }
      try {
        const answer = readMetadata(body)
        end(() => done(answer))
      } catch (error) {
        end(() => fail(error))
      }
    })
  })
}

function request(key: number, version: number, correlation: number, body: Buffer): Buffer {
  const head = Buffer.alloc(14)
  head.writeInt32BE(10 + clientId.length + body.length, 0)
  head.writeInt16BE(key, 4)
  head.writeInt16BE(version, 6)
  head.writeInt32BE(correlation, 8)
  head.writeInt16BE(clientId.length, 12)
  return Buffer.concat([head, Buffer.from(clientId), body])
}

/** Metadata v4: throttle, brokers (id, host, port, rack), cluster id. */
export function readMetadata(body: Buffer): BrokerMetadata {
  let at = 4
  const readString = (): string | null => {
    const length = body.readInt16BE(at)
    at += 2
    if (length < 0) return null
    const text = body.toString('utf8', at, at + length)
    at += length
    return text
  }
  const brokers = body.readInt32BE(at)
  at += 4
  for (let index = 0; index < brokers; index += 1) {
    at += 4
    readString()
    at += 4
    readString()
  }
  return { brokers, clusterId: readString() }
}
