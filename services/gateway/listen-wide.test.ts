import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { listenWide } from './listen-wide.ts'

const stops: (() => void)[] = []

afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop()
})

async function setUp() {
  let connections = 0
  const server = createServer((_, response) => void response.end('served'))
  server.on('connection', () => {
    connections += 1
  })
  const { port, close } = await listenWide(server, { port: 0, host: '127.0.0.1' })
  const stop = () => {
    close()
    server.closeAllConnections()
    server.close()
  }
  stops.push(stop)
  return { server, port, close, stop, accepted: () => connections }
}

function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  stops.push(() => socket.destroy())
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

describe('a server that listens on several sockets of one port', () => {
  it('accepts many connections in a turn of the loop', async () => {
    const { port, accepted } = await setUp()
    const calls = 64
    const connecting = Promise.all(Array.from({ length: calls }, () => connected(port)))
    // The kernel makes the connections while the loop is held up.
    for (const endMs = performance.now() + 100; performance.now() < endMs; );
    let turns = 0
    while (accepted() < calls) {
      await new Promise((resolve) => setImmediate(resolve))
      turns += 1
    }
    expect(turns).toBeLessThan(calls / 2)
    await connecting
  })

  it('serves whoever is handed over, on every connection', async () => {
    const { port } = await setUp()
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()),
    )
    expect(new Set(answers)).toEqual(new Set(['served']))
  })

  it('does not share its port with another such server', async () => {
    const { port } = await setUp()
    await expect(listenWide(createServer(), { port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('accepts nothing more once it is closed', async () => {
    const { port, stop } = await setUp()
    stop()
    await expect(connected(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
