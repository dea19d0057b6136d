import { createServer } from 'node:http'
import { Agent, request as upstreamRequest } from 'undici'

/**
 * The least that a proxy on this runtime does: Node's server, undici's client, and two pipes between them. No route, no tenant, no record. What it adds to a call is what is
 * Node's in the numbers of ours.
 *
 * `node bare-proxy.ts PORT MODEL_PORT`
 */
const [port, modelPort] = process.argv.slice(2).map(Number)
const agent = new Agent({ connections: 256, pipelining: 1 })

const server = createServer((incoming, outgoing) => {
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = incoming.headers
  upstreamRequest(`http://127.0.0.1:${modelPort}${incoming.url}`, {
    method: incoming.method as 'POST',
    headers,
    body: incoming.method === 'GET' ? null : incoming,
    dispatcher: agent,
  }).then(
    (upstream) => {
      outgoing.writeHead(upstream.statusCode, upstream.headers)
      upstream.body.pipe(outgoing)
    },
    () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()),
  )
})
server.listen(port, '127.0.0.1')
