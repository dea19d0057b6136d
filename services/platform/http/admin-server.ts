import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from '../metrics/metrics.ts'

export interface AdminServer {
  readonly port: number
  stop(): Promise<void>
}

/** /livez (the process answers), /readyz (200 only while nothing is unready; else 503 with the names) and /metrics, on loopback unless `host` says otherwise. */
export async function createAdminServer(options: {
  readonly port: number
  readonly host?: string
  readonly metrics: Metrics
  unready(): readonly string[]
}): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const reply = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body)
    switch (request.url) {
      case '/livez':
        reply(200, 'ok\n')
        return
      case '/readyz': {
        const missing = options.unready()
        reply(missing.length === 0 ? 200 : 503, missing.length === 0 ? 'ok\n' : `not ready: ${missing.join(', ')}\n`)
        return
      }
      case '/metrics':
        void options.metrics.text().then((text) => reply(200, text))
        return
      default:
        reply(404, 'try /livez, /readyz or /metrics\n')
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host ?? '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
