import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { connectWhole, createResponseReader, patchKafkajsRemainder } from './response-socket.ts'

function framed(body: Uint8Array): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

describe('a reader of responses', () => {
  it('gives each of them whole, however they are cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(framed))
        const got: Buffer[] = []
        const take = createResponseReader((response) => void got.push(response))
        for (let at = 0, cut = 0; at < stream.length; cut += 1) {
          // The memory of a piece is used again for the next one.
          const piece = Uint8Array.from(stream.subarray(at, at + (cuts[cut % cuts.length] as number)))
          take(piece)
          at += piece.length
          piece.fill(0xee)
        }
        expect(got).toEqual(sent.map(framed))
      }),
    )
  })
  it.each([
    ['a negative one', Buffer.from([0xff, 0xff, 0xff, 0xff, 1])],
    ['that of a server of HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('refuses a size that no response has: %s', (_, start) => {
    expect(() => createResponseReader(() => undefined)(start)).toThrow(/what answers there is no Kafka broker/)
  })

  it.each([0x01, 0x03])('knows the alert of a server of TLS, 3.%i', (minor) => {
    const alert = Buffer.from([0x15, 0x03, minor, 0x00, 0x02, 0x02, 0x0a])
    expect(() => createResponseReader(() => undefined)(alert)).toThrow(/the broker wants TLS/)
  })
})

describe('a connection', () => {
  const server = createServer()
  afterEach(() => server.close())
  const accepted = async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const accepting = once(server, 'connection') as Promise<[Socket]>
    const socket = connectWhole({
      host: '127.0.0.1',
      port,
      ssl: undefined as never,
      onConnect: () => undefined,
    })
    const [peer] = await accepting
    return { socket, peer }
  }

  it('says whole responses, and its end', async () => {
    const { socket, peer } = await accepted()
    const got: Buffer[] = []
    socket.on('data', (data: Buffer) => void got.push(data))
    const large = framed(Buffer.alloc(1_000_000, 7))
    peer.write(large.subarray(0, 3))
    peer.write(large.subarray(3))
    peer.end(framed(Buffer.from('small')))
    await once(socket, 'end')
    expect(got.map(({ length }) => length)).toEqual([1_000_004, 9])
    expect(got[0]?.equals(large)).toBe(true)
    expect(String(got[1]?.subarray(4))).toBe('small')
  })

  it('breaks where a size makes no sense', async () => {
    const { socket, peer } = await accepted()
    peer.write(Buffer.from([0x80, 0, 0, 0, 0]))
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error).toBeInstanceOf(RangeError)
    peer.destroy()
  })
})

interface Connection {
  readonly requestQueue: { fulfillRequest: (of: { readonly payload: Buffer }) => void }
  processData(data: Buffer): void
}

it('kafkajs takes a response where it lies, also behind another one', () => {
  patchKafkajsRemainder()
  const ConnectionClass = createRequire(import.meta.url)('kafkajs/src/network/connection.js') as new (
    options: object,
  ) => Connection
  const logger = { namespace: () => logger, debug: () => undefined, error: () => undefined }
  const connection = new ConnectionClass({ host: 'nowhere', port: 1, logger, socketFactory: connectWhole })
  const payloads: Buffer[] = []
  connection.requestQueue.fulfillRequest = ({ payload }) => void payloads.push(payload)
  for (const text of ['0001first', '0002second']) {
    const response = framed(Buffer.from(text))
    connection.processData(response)
    expect(String(payloads.at(-1))).toBe(text.slice(4))
    expect(payloads.at(-1)?.buffer).toBe(response.buffer)
    expect(payloads.at(-1)?.byteOffset).toBe(response.byteOffset + 8)
  }
})
