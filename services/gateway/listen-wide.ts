import type { Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'

/**
 * How many sockets listen on the one port. The loop accepts one connection from each in a turn. With one alone, whose turns take tens of milliseconds because many open
 * connections are served in each, new callers wait for tens of seconds behind old ones; the kernel spreads them over all that listen.
 */
const acceptors = 64
/**
 * Connections that the kernel accepts for each; beyond them it drops what comes, and callers try again after seconds. Node's default is 511; the kernel has a limit of its own,
 * usually 4,096.
 */
const backlog = 4_096

/** What a server of HTTP has for its own sockets. */
const asHttp = { allowHalfOpen: true, noDelay: true }

/** A server that listens on several sockets of one port. */
export interface WideListener {
  readonly port: number
  /** Accepts nothing more; what was accepted goes on. */
  close(): void
}

/** @throws what `listen` says: above all EADDRINUSE, also where another such server has the port */
export async function listenWide(
  server: HttpServer,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<WideListener> {
  // Sockets that share a port would share it with those of another process as well.
  const probe = createServer((socket) => void socket.destroy())
  const taken = await listening(probe, { port, host, reusePort: false })
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  const first = await listening(server, { port: taken.port, host, reusePort: true })
  const others: Server[] = []
  const close = () => {
    for (const other of others) other.close()
  }
  try {
    while (others.length < acceptors - 1) {
      const handOver = createServer(asHttp, (socket) => void server.emit('connection', socket))
      others.push(handOver)
      await listening(handOver, { port: first.port, host, reusePort: true })
    }
  } catch (error) {
    close()
    server.close()
    throw error
  }
  return { port: first.port, close }
}

async function listening<S extends Server>(
  server: S,
  options: { readonly port: number; readonly host: string; readonly reusePort: boolean },
): Promise<{ readonly server: S; readonly port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...options, backlog }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return { server, port: (server.address() as AddressInfo).port }
}
