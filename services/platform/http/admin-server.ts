import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HealthReport } from '../lifecycle/health.ts'
import type { Metrics } from '../metrics/metrics.ts'

export interface AdminServer {
  readonly port: number
  stop(): Promise<void>
}

/**
 * On loopback unless `host` says otherwise. `/livez`: 200 `{live, reasons}` while every loop makes progress; 503 with the names of those that do not, which a new
 * start mends; no answer at all when the event loop itself stands. `/readyz`: 200 `{ready, reasons, notes}` while the process can do its job, else 503 with the
 * reasons; notes are what is wrong and keeps nobody from being served. `/metrics`: Prometheus.
 */
export async function createAdminServer(options: {
  readonly port: number
  readonly host?: string
  readonly metrics: Metrics
  report(): HealthReport
}): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const reply = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body)
    const tell = (well: boolean, body: object) =>
      response.writeHead(well ? 200 : 503, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
    switch (request.url) {
      case '/livez': {
        const { unlive } = options.report()
        tell(unlive.length === 0, { live: unlive.length === 0, reasons: unlive })
        return
      }
      case '/readyz': {
        const { unready, notes } = options.report()
        tell(unready.length === 0, { ready: unready.length === 0, reasons: unready, notes })
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
