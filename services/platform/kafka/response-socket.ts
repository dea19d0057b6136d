import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'
import { replaceModule } from './module-patch.ts'

const sizeBytes = 4
/** No response is larger: partitions that are fetched at once bring some megabytes each. */
const responseBytesMax = 256 * 1024 * 1024
/** What one read takes at most: the same memory again and again. */
const readBytes = 65_536
const keepAliveMs = 60_000

/** Puts responses together from pieces of a connection, each in memory of its own. @throws RangeError for a size that no response has */
export function createResponseReader(whole: (response: Buffer) => void): (piece: Uint8Array) => void {
  const size = Buffer.alloc(sizeBytes)
  let filling = size
  let filled = 0
  return (piece) => {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + filling.length - filled)
      filling.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < filling.length) return
      if (filling === size) {
        filling = Buffer.allocUnsafe(sizeBytes + sizeOf(size))
        filling.set(size)
      }
      if (filled < filling.length) continue
      const response = filling
      filling = size
      filled = 0
      whole(response)
    }
  }
}

/** What a TLS server says to who speaks in clear: an alert, of TLS 1. */
const tlsAlert = 0x1503

function sizeOf(start: Buffer): number {
  const size = start.readInt32BE()
  if (size >= 0 && size <= responseBytesMax) return size
  if (start.readUInt16BE() === tlsAlert)
    throw new RangeError('the broker wants TLS: ask for it with `tls` in the file PENSTOCK_KAFKA_SECURITY_FILE')
  throw new RangeError(`a response of ${size} bytes: what answers there is no Kafka broker`)
}

/**
 * Connections whose data are whole responses. kafkajs 2.2.4 leaves every piece that is read in memory of its own until a response is whole, and then copies
 * them into one: twice the memory, outside of the heap, and whole collections of the heap to get it back.
 */
export const connectWhole: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const take = createResponseReader((response) => void socket.emit('data', response))
  const onread = {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback(length: number, buffer: Uint8Array) {
      try {
        take(buffer.subarray(0, length))
      } catch (cause) {
        socket.destroy(cause as Error)
      }
      return true
    },
  }
  const to = { host, port, onread }
  // An address is no name that a certificate could be asked for.
  const named = isIP(host) ? {} : { servername: host }
  const socket = ssl ? connectTls({ ...named, ...ssl, ...to }, onConnect) : connect(to, onConnect)
  socket.setKeepAlive(true, keepAliveMs)
  return socket
}

interface Connection {
  bytesBuffered: number
  chunks: Buffer[]
}
type ConnectionClass = { readonly prototype: { processData(this: Connection, data: Buffer): unknown } }

/** What is left behind a response is nothing, and kafkajs would copy the next response to put it behind that. */
export function patchKafkajsRemainder(): void {
  replaceModule<ConnectionClass>('kafkajs/src/network/connection.js', (original) => {
    const { processData } = original.prototype
    original.prototype.processData = function process(data) {
      if (this.bytesBuffered === 0) this.chunks = []
      return processData.call(this, data)
    }
    return original
  })
}
